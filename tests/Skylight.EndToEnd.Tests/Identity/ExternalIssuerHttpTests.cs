using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Skylight.Core.Access;
using Skylight.Core.Identity;
using Skylight.Edge;
using Skylight.Edge.Hosting;

namespace Skylight.EndToEnd.Tests.Identity;

/// <summary>An issuer of a hospital, configured by settings, over real HTTP.</summary>
public sealed class ExternalIssuerHttpTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-e2e-").FullName;
    private readonly RSA _rsa = RSA.Create(2048);
    private WebApplication? _issuer;
    private EdgeHost? _host;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        _issuer = builder.Build();
        _issuer.MapGet("/.well-known/openid-configuration", (HttpRequest request) => Results.Json(new { issuer = Url, jwks_uri = $"{Url}/keys" }));
        _issuer.MapGet("/keys", () =>
        {
            var parameters = _rsa.ExportParameters(false);
            return Results.Json(new { keys = new[] { new { kty = "RSA", use = "sig", kid = "k1", n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) } } });
        });
        await _issuer.StartAsync();
        _host = await EdgeHost.StartAsync(Setup(new() { ["Skylight:Identity:ExternalIssuers:0:Institution"] = "demo" }), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        if (_issuer is not null) await _issuer.DisposeAsync();
        _rsa.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Url => _issuer!.Urls.Single();

    [Fact]
    public async Task BoundIdentity_GetsTheLocalRole_AndLosesItWhenUnbound()
    {
        using var security = Client(await OwnTokenAsync());
        using var made = await security.PostAsJsonAsync("api/accounts", new { login = "emp7", name = "员工七", roles = new[] { "radiologist" } });
        var id = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        using var person = Client(Token("emp-7"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await person.GetAsync("api/me")).StatusCode);

        using var bound = await security.PutAsJsonAsync($"api/accounts/{id}/logins", new { items = new[] { new { issuer = Url, subject = "emp-7" } } });
        Assert.Equal(HttpStatusCode.OK, bound.StatusCode);
        Assert.Equal("radiologist", (await person.GetFromJsonAsync<JsonElement>("api/me")).GetProperty("roles")[0].GetString());
        using var stranger = Client(Token("emp-8"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("api/me")).StatusCode);

        using var unbound = await security.PutAsJsonAsync($"api/accounts/{id}/logins", new { items = Array.Empty<object>() });
        Assert.Equal(HttpStatusCode.OK, unbound.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await person.GetAsync("api/me")).StatusCode);
        using var foreign = await security.PutAsJsonAsync($"api/accounts/{id}/logins", new { items = new[] { new { issuer = "https://not.configured.example", subject = "x" } } });
        Assert.Equal(HttpStatusCode.BadRequest, foreign.StatusCode);
    }

    [Fact]
    public async Task BadSettings_StopTheStart_AndAreAllNamed()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(
            Setup(new() { ["Skylight:Identity:ExternalIssuers:0:Institution"] = "Not A Code", ["Skylight:Identity:TokenSeconds"] = "86400", ["Skylight:Identity:Unknown"] = "x" }, "second"),
            CancellationToken.None));
        var reasons = string.Join('\n', refused.Reasons);
        Assert.Contains("Unknown", reasons, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(
            Setup(new() { ["Skylight:Identity:ExternalIssuers:0:Institution"] = "Not A Code", ["Skylight:Identity:TokenSeconds"] = "86400" }, "second"), CancellationToken.None));
        reasons = string.Join('\n', refused.Reasons);
        Assert.Contains("TokenSeconds", reasons, StringComparison.Ordinal);
        Assert.Contains("Institution", reasons, StringComparison.Ordinal);
    }

    private EdgeSetup Setup(Dictionary<string, string?> more, string folder = "host")
    {
        var settings = new Dictionary<string, string?>
        {
            ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0", ["Skylight:Identity:HashIterations"] = "1000",
            ["Skylight:Identity:ExternalIssuers:0:Issuer"] = Url, ["Skylight:Identity:ExternalIssuers:0:Audience"] = "skylight-api",
        };
        foreach (var (name, value) in more) settings[name] = value;
        return new EdgeSetup { DataFolder = Path.Combine(_folder, folder), Dev = true, Quiet = true, Settings = settings };
    }

    private async Task<string> OwnTokenAsync()
    {
        var services = _host!.Services;
        var account = await services.GetRequiredService<AccountDirectory>().CreateAsync("demo", "sec2", "安全", AccountKind.Person, [Role.SecurityAdmin], null, "test", default);
        return (await services.GetRequiredService<TokenIssuer>().IssueAsync(account, PublicClients.Cli, default)).AccessToken;
    }

    private HttpClient Client(string token)
    {
        var client = new HttpClient { BaseAddress = _host!.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private string Token(string subject) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Url, Audience = "skylight-api", IssuedAt = DateTime.UtcNow, Expires = DateTime.UtcNow.AddHours(1),
        Claims = new Dictionary<string, object> { ["sub"] = subject, ["roles"] = new[] { "system-admin" } },
        SigningCredentials = new SigningCredentials(new RsaSecurityKey(_rsa) { KeyId = "k1" }, SecurityAlgorithms.RsaSha256),
    });
}
