using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;
using Skylight.Core.Access;
using Skylight.Core.Identity;

namespace Skylight.Core.Tests.Identity;

public sealed class TokenAuthenticatorTests : IAsyncDisposable
{
    private readonly IdentityFixture _f = new();

    public ValueTask DisposeAsync() => _f.DisposeAsync();

    [Fact]
    public async Task OwnToken_OfOpenAccount_IsTheAccountWithItsRoles()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var result = await _f.CheckAsync(await _f.TokenAsync(account));
        Assert.Equal(account.Subject, result.Actor?.Subject);
        Assert.Equal([Role.Radiologist], result.Actor!.Roles);
        Assert.NotEmpty(result.Actor.Session);
    }

    [Fact]
    public async Task NoHeader_IsNoError()
    {
        var result = await _f.Authenticator.AuthenticateAsync(null, default);
        Assert.Null(result.Actor);
        Assert.Null(result.Error);
    }

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer ")]
    [InlineData("Bearer x")]
    [InlineData("Bearer a.b")]
    [InlineData("Bearer a.b.c")]
    [InlineData("Bearer ....")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")]
    [InlineData("Bearer bm90anNvbg.bm90anNvbg.c2ln")]
    [InlineData("Bearer \u4e2d\u6587.\u4e2d\u6587.\u4e2d\u6587")]
    [InlineData("Bearer eyJhbGciOjF9.eyJpc3MiOjF9.AA")]
    public async Task MalformedCredential_IsInvalidToken(string header)
    {
        var result = await _f.Authenticator.AuthenticateAsync(header, default);
        Assert.Null(result.Actor);
        Assert.Equal("invalid_token", result.Error);
    }

    [Fact]
    public async Task OverlongToken_IsRefusedUnread()
    {
        var result = await _f.CheckAsync(new string('a', TokenAuthenticator.MaxTokenCharacters + 1));
        Assert.Equal("length", result.Reason);
    }

    [Fact]
    public async Task RandomTokens_NeverPassNorThrow()
    {
        var random = new Random(7);
        for (var i = 0; i < 300; i++)
        {
            var bytes = new byte[random.Next(1, 200)];
            random.NextBytes(bytes);
            var text = Base64Url.EncodeToString(bytes);
            var token = i % 2 == 0 ? text : $"{text}.{text}.{text}";
            Assert.Null((await _f.CheckAsync(token)).Actor);
        }
    }

    [Fact]
    public async Task AlgNone_WithOurClaims_IsRefused()
    {
        var token = await _f.TokenAsync(await _f.AddAsync(Role.Radiologist, "lin"));
        var parts = token.Split('.');
        foreach (var alg in new[] { "none", "None", "NONE", "nOnE" })
        {
            var header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"{{alg}}","typ":"at+jwt"}"""));
            Assert.Null((await _f.CheckAsync($"{header}.{parts[1]}.")).Actor);
            Assert.Null((await _f.CheckAsync($"{header}.{parts[1]}.{parts[2]}")).Actor);
        }
    }

    [Fact]
    public async Task HmacWithThePublicKeyAsSecret_IsRefused()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var token = await _f.TokenAsync(account);
        var jwk = Assert.Single(await _f.Keys.PublishedAsync(default));
        var header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"HS256","typ":"at+jwt","kid":"{{jwk.Kid}}"}"""));
        var signed = $"{header}.{token.Split('.')[1]}";
        foreach (var secret in new[] { Encoding.UTF8.GetBytes(jwk.X), Base64Url.DecodeFromChars(jwk.X), JsonSerializer.SerializeToUtf8Bytes(jwk) })
        {
            var mac = Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)));
            Assert.Null((await _f.CheckAsync($"{signed}.{mac}")).Actor);
        }
    }

    [Theory]
    [InlineData("sub", "hospital-a/somebody-else")]
    [InlineData("exp", 99999999999L)]
    [InlineData("ver", 77L)]
    public async Task ChangedClaim_BreaksTheSignature(string claim, object value)
    {
        var parts = (await _f.TokenAsync(await _f.AddAsync(Role.Radiologist, "lin"))).Split('.');
        var payload = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        payload[claim] = JsonValue.Create(value);
        Assert.Null((await _f.CheckAsync($"{parts[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload.ToJsonString()))}.{parts[2]}")).Actor);
    }

    [Fact]
    public async Task ForeignKey_UnderOurKid_IsRefused()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var kid = Assert.Single(await _f.Keys.PublishedAsync(default)).Kid;
        foreach (var id in new[] { kid, "unknown", null })
        {
            using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            Assert.Null((await _f.CheckAsync(Forge(account, new ECDsaSecurityKey(ec) { KeyId = id }))).Actor);
        }
    }

    [Fact]
    public async Task KeyInsideTheTokenHeader_IsNotUsed()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var q = ec.ExportParameters(false).Q;
        var header = new Dictionary<string, object>
        {
            ["jwk"] = new Dictionary<string, object> { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(q.X), ["y"] = Base64Url.EncodeToString(q.Y) },
            ["jku"] = "https://evil.example/keys",
        };
        Assert.Null((await _f.CheckAsync(Forge(account, new ECDsaSecurityKey(ec) { KeyId = "x" }, extra: header))).Actor);
    }

    [Theory]
    [InlineData("https://evil.example", "skylight", "at+jwt", 0)]
    [InlineData(IdentityFixture.Issuer, "other-api", "at+jwt", 0)]
    [InlineData(IdentityFixture.Issuer, "skylight", "JWT", 0)]
    [InlineData(IdentityFixture.Issuer, "skylight", "at+jwt", -3700)]
    [InlineData(IdentityFixture.Issuer, "skylight", "at+jwt", 120)]
    public async Task OurSignature_OverWrongIssuerAudienceTypeOrTime_IsRefused(string issuer, string audience, string type, int shiftSeconds)
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var key = await _f.Keys.SignerAsync(default);
        Assert.NotNull((await _f.CheckAsync(Forge(account, key))).Actor);
        Assert.Null((await _f.CheckAsync(Forge(account, key, issuer, audience, type, shiftSeconds))).Actor);
    }

    [Fact]
    public async Task IdToken_IsNoAccessToken()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        Assert.Null((await _f.CheckAsync(await _f.Tokens.IssueIdTokenAsync(account, "skylight", null, _f.Clock.Now, default))).Actor);
    }

    [Fact]
    public async Task Token_LivesAnHourAndTheLeeway_ThenDies()
    {
        var token = await _f.TokenAsync(await _f.AddAsync(Role.Radiologist, "lin"));
        _f.Clock.Now += TimeSpan.FromSeconds(3600 + 59);
        Assert.NotNull((await _f.CheckAsync(token)).Actor);
        _f.Clock.Now += TimeSpan.FromSeconds(2);
        Assert.Null((await _f.CheckAsync(token)).Actor);
    }

    [Fact]
    public async Task ClosedAccount_DiesAtOnce_AlsoAfterTheTokenWasSeen()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var token = await _f.TokenAsync(account);
        Assert.NotNull((await _f.CheckAsync(token)).Actor);
        var stored = await _f.Accounts.FindAsync(account.Subject, default);
        await _f.Accounts.ChangeAsync(stored!, a => a with { DisabledAt = _f.Clock.Now }, default);
        Assert.Equal("account closed", (await _f.CheckAsync(token)).Reason);
    }

    [Fact]
    public async Task ChangedRolesOrPassword_EndOldTokens()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var token = await _f.TokenAsync(account);
        var changed = await _f.Accounts.ChangeAsync((await _f.Accounts.FindAsync(account.Subject, default))!, a => a with { Roles = [Role.Clinician] }, default);
        Assert.Equal("account changed", (await _f.CheckAsync(token)).Reason);
        var second = await _f.TokenAsync(changed);
        await _f.Accounts.SetPasswordAsync((await _f.Accounts.FindAsync(account.Subject, default))!, "another password", default);
        Assert.Equal("account changed", (await _f.CheckAsync(second)).Reason);
    }

    [Fact]
    public async Task RotatedKey_OldTokensLive_UntilRevoked()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var old = await _f.TokenAsync(account);
        var kid = new JsonWebToken(old).Kid;
        _f.Clock.Now += TimeSpan.FromSeconds(1);
        await _f.Keys.RotateAsync(default);
        var fresh = await _f.TokenAsync(account);
        Assert.NotEqual(kid, new JsonWebToken(fresh).Kid);
        Assert.NotNull((await _f.CheckAsync(old)).Actor);
        Assert.NotNull((await _f.CheckAsync(fresh)).Actor);
        Assert.True(await _f.Keys.RevokeAsync(kid, default));
        var other = new TokenAuthenticator(_f.Keys, _f.IssuerAddress, new ExternalIssuers(_f.Options), _f.Accounts, _f.Options, _f.Clock);
        Assert.Null((await other.AuthenticateAsync($"Bearer {old}", default)).Actor);
        Assert.NotNull((await other.AuthenticateAsync($"Bearer {fresh}", default)).Actor);
    }

    private string Forge(
        Account account, SecurityKey key, string issuer = IdentityFixture.Issuer, string audience = "skylight", string type = "at+jwt", int shiftSeconds = 0,
        IDictionary<string, object>? extra = null)
    {
        var now = _f.Clock.Now.UtcDateTime.AddSeconds(shiftSeconds);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer, Audience = audience, TokenType = type, IssuedAt = now, NotBefore = now, Expires = now.AddHours(1),
            Claims = new Dictionary<string, object> { ["sub"] = account.Subject, ["ver"] = account.Version, ["jti"] = "forged" },
            AdditionalHeaderClaims = extra,
            SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256),
        });
    }
}
