using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;
using Skylight.Core.Access;
using Skylight.Core.Identity;

namespace Skylight.Core.Tests.Identity;

public sealed class ExternalIssuerTests : IAsyncDisposable
{
    private const string Url = "https://login.hospital-a.example";
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly Documents _web;
    private readonly IdentityFixture _f;

    public ExternalIssuerTests()
    {
        _web = new Documents(_rsa);
        _f = new IdentityFixture(
            o =>
            {
                o.ExternalIssuers.Add(new() { Issuer = Url, Institution = "hospital-a", Audience = "skylight-api" });
                o.ExternalIssuers.Add(new() { Issuer = "https://login.hospital-b.example", Institution = "hospital-b", Audience = "skylight-api" });
            },
            o => new ExternalIssuers(o, _web));
    }

    public async ValueTask DisposeAsync()
    {
        await _f.DisposeAsync();
        _rsa.Dispose();
    }

    [Fact]
    public async Task BoundIdentity_IsTheLocalAccount_WithLocalRolesOnly()
    {
        await BindAsync("hospital-a", Url, "emp-7");
        var result = await _f.CheckAsync(Token("emp-7", claims: new() { ["roles"] = new[] { "system-admin", "radiologist" }, ["institution"] = "hospital-b" }));
        Assert.Equal("hospital-a", result.Actor?.Institution);
        Assert.Equal([Role.Clinician], result.Actor!.Roles);
    }

    [Fact]
    public async Task UnboundIdentity_IsNobody() => Assert.Equal("no account", (await _f.CheckAsync(Token("emp-8"))).Reason);

    [Fact]
    public async Task Issuer_CannotSignInAccountsOfAnotherInstitution()
    {
        // The same subject is bound in hospital-b, under hospital-b's own issuer and (wrongly) under hospital-a's.
        await BindAsync("hospital-b", "https://login.hospital-b.example", "emp-7");
        await BindAsync("hospital-b", Url, "emp-7");
        Assert.Equal("no account", (await _f.CheckAsync(Token("emp-7"))).Reason);
    }

    [Fact]
    public async Task ExternalToken_NamingAnInternalSubject_IsNobody()
    {
        var account = await _f.AddAsync(Role.SecurityAdmin, "sec");
        Assert.Null((await _f.CheckAsync(Token(account.Subject))).Actor);
    }

    [Fact]
    public async Task LongLivedToken_IsTooOldAfterAnHour()
    {
        await BindAsync("hospital-a", Url, "emp-7");
        var token = Token("emp-7", hours: 24);
        Assert.NotNull((await _f.CheckAsync(token)).Actor);
        _f.Clock.Now += TimeSpan.FromSeconds(3661);
        Assert.Null((await _f.CheckAsync(token)).Actor);
    }

    [Fact]
    public async Task WrongAudience_OrSymmetricSignature_IsRefused()
    {
        await BindAsync("hospital-a", Url, "emp-7");
        Assert.Null((await _f.CheckAsync(Token("emp-7", audience: "someone-else"))).Actor);
        var symmetric = new SymmetricSecurityKey(_rsa.ExportRSAPublicKey()) { KeyId = "k1" };
        Assert.Null((await _f.CheckAsync(Token("emp-7", key: symmetric, algorithm: SecurityAlgorithms.HmacSha256))).Actor);
        Assert.Null((await _f.CheckAsync(Token("emp-7", algorithm: SecurityAlgorithms.RsaSha384))).Actor);
    }

    [Fact]
    public async Task DiscoveryNamingAnotherIssuer_OrUnreachable_IsRefused()
    {
        await BindAsync("hospital-a", Url, "emp-7");
        _web.Issuer = "https://evil.example";
        Assert.Equal("issuer keys unavailable", (await _f.CheckAsync(Token("emp-7"))).Reason);
        _web.Down = true;
        Assert.Equal("issuer keys unavailable", (await _f.CheckAsync(Token("emp-7"))).Reason);
    }

    private async Task BindAsync(string institution, string issuer, string subject)
    {
        var account = await _f.AddAsync(Role.Clinician, $"chen-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}", null, institution);
        Assert.NotNull(await _f.Accounts.BindAsync((await _f.Accounts.FindAsync(account.Subject, default))!, [new(issuer, subject)], default));
    }

    private string Token(
        string subject, string audience = "skylight-api", int hours = 1, SecurityKey? key = null, string algorithm = SecurityAlgorithms.RsaSha256, Dictionary<string, object>? claims = null)
    {
        var now = _f.Clock.Now.UtcDateTime;
        claims ??= [];
        claims["sub"] = subject;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Url, Audience = audience, IssuedAt = now, Expires = now.AddHours(hours), Claims = claims,
            SigningCredentials = new SigningCredentials(key ?? new RsaSecurityKey(_rsa) { KeyId = "k1" }, algorithm),
        });
    }

    private sealed class Documents(RSA rsa) : IDocumentRetriever
    {
        public string Issuer { get; set; } = Url;

        public bool Down { get; set; }

        public Task<string> GetDocumentAsync(string address, CancellationToken cancel)
        {
            if (Down) throw new IOException("unreachable");
            if (address.EndsWith("/.well-known/openid-configuration", StringComparison.Ordinal))
                return Task.FromResult(JsonSerializer.Serialize(new { issuer = Issuer, jwks_uri = $"{Url}/keys" }));
            var parameters = rsa.ExportParameters(false);
            var jwk = new { kty = "RSA", use = "sig", kid = "k1", n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) };
            return Task.FromResult(JsonSerializer.Serialize(new { keys = new[] { jwk } }));
        }
    }
}
