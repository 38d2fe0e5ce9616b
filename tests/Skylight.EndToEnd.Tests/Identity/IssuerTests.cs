using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Identity;

public abstract class IssuerTests(EdgeFixture edge)
{
    private const string Redirect = "http://127.0.0.1:51000/callback";

    [Fact]
    public async Task AuthorizationCode_WithPkce_SignsAPersonIn_AndItsTokensVerifyByDiscovery()
    {
        using var client = Client();
        var (verifier, challenge) = Pkce();
        using var page = await client.GetAsync(Authorize(challenge, ("nonce", "n-1")));
        var html = await page.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("登录", html, StringComparison.Ordinal);
        Assert.Contains("Sign in", html, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);

        using var back = await SubmitAsync(client, challenge, Login("radiologist").Password, ("nonce", "n-1"));
        Assert.Equal(HttpStatusCode.SeeOther, back.StatusCode);
        var query = HttpUtility.ParseQueryString(back.Headers.Location!.Query);
        Assert.Equal("s&t=ate", query["state"]);
        Assert.Equal(Redirect, back.Headers.Location.GetLeftPart(UriPartial.Path));

        using var granted = await RedeemAsync(client, query["code"]!, verifier);
        Assert.Equal(HttpStatusCode.OK, granted.StatusCode);
        var tokens = await granted.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(3600, tokens.GetProperty("expires_in").GetInt32());

        var discovery = await OpenIdConnectConfigurationRetriever.GetAsync(
            new Uri(edge.Address, ".well-known/openid-configuration").AbsoluteUri, new HttpDocumentRetriever { RequireHttps = false }, default);
        Assert.Equal(edge.Address.AbsoluteUri.TrimEnd('/'), discovery.Issuer);
        var identity = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(
            tokens.GetProperty("id_token").GetString(),
            new TokenValidationParameters { ValidIssuer = discovery.Issuer, ValidAudience = "skylight-cli", IssuerSigningKeys = discovery.SigningKeys, ValidAlgorithms = ["ES256"] });
        Assert.True(identity.IsValid);
        Assert.Equal("n-1", identity.Claims["nonce"]);
        Assert.DoesNotContain("role", string.Join(',', identity.Claims.Keys), StringComparison.Ordinal);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.GetProperty("access_token").GetString());
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/me")).StatusCode);

        using var again = await RedeemAsync(client, query["code"]!, verifier);
        Assert.Equal(HttpStatusCode.BadRequest, again.StatusCode);
        Assert.Equal("invalid_grant", (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString());
    }

    [Fact]
    public async Task Authorize_WithAForeignReturnAddress_NeverRedirects()
    {
        using var client = Client();
        var (_, challenge) = Pkce();
        using var response = await client.GetAsync(Authorize(challenge, ("redirect_uri", "https://evil.example/callback")));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Null(response.Headers.Location);
    }

    [Theory]
    [InlineData("code_challenge_method", "plain", "invalid_request")]
    [InlineData("code_challenge", "", "invalid_request")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    public async Task Authorize_WithoutS256OrCode_GoesBackWithAnError(string name, string value, string error)
    {
        using var client = Client();
        using var response = await client.GetAsync(Authorize(Pkce().Challenge, (name, value)));
        Assert.Equal(HttpStatusCode.SeeOther, response.StatusCode);
        Assert.Equal(error, HttpUtility.ParseQueryString(response.Headers.Location!.Query)["error"]);
    }

    [Fact]
    public async Task LoginPage_EscapesWhatItShowsAgain()
    {
        using var client = Client();
        using var response = await SubmitAsync(client, Pkce().Challenge, "wrong password", ("user", "\"><script>x</script>"));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.DoesNotContain("<script>", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientCredentials_ByBasicOrForm_WorkForTheUploadNodeAlone()
    {
        using var client = Client();
        var (user, secret) = Login("uploader");
        using var basic = new HttpRequestMessage(HttpMethod.Post, "api/identity/token") { Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]) };
        basic.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(user)}:{secret}")));
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(basic)).StatusCode);

        foreach (var (id, password) in new[] { (user, "wrong"), Login("radiologist"), ("nobody@demo", secret) })
        {
            using var refused = await client.PostAsync(
                "api/identity/token", new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", id), new("client_secret", password)]));
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("invalid_client", (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task Login_LocksKnownAndUnknownNamesAlike_WithoutTellingThemApart()
    {
        using var client = Client();
        var answers = new List<string>();
        foreach (var user in new[] { Login("clinician").User, "no.such.one@demo" })
        {
            var seen = new List<string>();
            for (var i = 0; i < 6; i++)
            {
                using var response = await client.PostAsJsonAsync("api/login", new { user, password = "wrong password" });
                seen.Add($"{(int)response.StatusCode} {(await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()} {response.Headers.RetryAfter is not null}");
            }

            answers.Add(string.Join('|', seen));
        }

        Assert.Equal(answers[0], answers[1]);
        Assert.EndsWith("429 login-locked True", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("401 login-failed False", answers[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_TakesNoForms()
    {
        using var client = Client();
        using var response = await client.PostAsync("api/login", new FormUrlEncodedContent([new("user", "radiologist@demo"), new("password", "x")]));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Theory]
    [InlineData("grant_type=password&username=a&password=b", "unsupported_grant_type")]
    [InlineData("grant_type=authorization_code&client_id=skylight-cli", "invalid_grant")]
    [InlineData("grant_type=authorization_code&client_id=unknown", "invalid_client")]
    [InlineData("%%%=%%%", "unsupported_grant_type")]
    public async Task Token_Malformed_IsAnOAuthError(string form, string error)
    {
        using var client = Client();
        using var response = await client.PostAsync("api/identity/token", new StringContent(form, Encoding.ASCII, "application/x-www-form-urlencoded"));
        Assert.InRange((int)response.StatusCode, 400, 401);
        Assert.Equal(error, (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString());
    }

    private HttpClient Client() => new(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = edge.Address };

    private (string User, string Password) Login(string role)
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(edge.Data, "host", "dev-accounts.json")));
        var account = file.RootElement.GetProperty("accounts").EnumerateArray().First(a => a.GetProperty("role").GetString() == role);
        return (account.GetProperty("user").GetString()!, account.GetProperty("password").GetString()!);
    }

    private static (string Verifier, string Challenge) Pkce()
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (verifier, Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))));
    }

    private static Dictionary<string, string> Parameters(string challenge, (string Name, string Value) change)
    {
        var parameters = new Dictionary<string, string>
        {
            ["client_id"] = "skylight-cli", ["redirect_uri"] = Redirect, ["response_type"] = "code", ["code_challenge"] = challenge,
            ["code_challenge_method"] = "S256", ["state"] = "s&t=ate", ["scope"] = "openid",
        };
        parameters[change.Name] = change.Value;
        return parameters;
    }

    private static string Authorize(string challenge, (string, string) change) =>
        "api/identity/authorize?" + string.Join('&', Parameters(challenge, change).Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));

    private Task<HttpResponseMessage> SubmitAsync(HttpClient client, string challenge, string password, (string Name, string Value) change)
    {
        var form = Parameters(challenge, change);
        form.TryAdd("user", Login("radiologist").User);
        form["password"] = password;
        return client.PostAsync("api/identity/authorize", new FormUrlEncodedContent(form));
    }

    private static Task<HttpResponseMessage> RedeemAsync(HttpClient client, string code, string verifier) => client.PostAsync(
        "api/identity/token",
        new FormUrlEncodedContent([new("grant_type", "authorization_code"), new("client_id", "skylight-cli"), new("redirect_uri", Redirect), new("code", code), new("code_verifier", verifier)]));
}

public sealed class IssuerTestsOnDisk(EdgeFixture edge) : IssuerTests(edge), IClassFixture<EdgeFixture>;

public sealed class IssuerTestsOnAzure(AzureEdgeFixture edge) : IssuerTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
