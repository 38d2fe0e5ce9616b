using System.Text.Json;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Core.Identity;

namespace Skylight.Core.Tests.Identity;

public sealed class AccountTests : IAsyncDisposable
{
    private static readonly Role[] Admins = [Role.SystemAdmin, Role.InstitutionAdmin, Role.SecurityAdmin, Role.AuditAdmin];
    private readonly IdentityFixture _f = new();

    public ValueTask DisposeAsync() => _f.DisposeAsync();

    [Fact]
    public void AdministratorRoles_ExcludeEachOtherAndEverythingElse()
    {
        foreach (var admin in Admins)
        {
            foreach (var other in Enum.GetValues<Role>().Where(r => r != admin))
            {
                Assert.Equal("account.roles-exclusive", AccountRules.RoleFault([admin, other], AccountKind.Person, "hospital-a"));
                Assert.Equal("account.roles-exclusive", AccountRules.RoleFault([other, admin], AccountKind.Person, "platform"));
            }
        }
    }

    [Fact]
    public async Task Account_WithTwoAdministratorRoles_CannotBeWrittenAtAll()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _f.Accounts.CreateAsync("hospital-a", "two", "某人", AccountKind.Person, [Role.SecurityAdmin, Role.AuditAdmin], "correct horse", "test", default).AsTask());
        var account = await _f.AddAsync(Role.SecurityAdmin, "one");
        var stored = await _f.Accounts.FindAsync(account.Subject, default);
        await Assert.ThrowsAsync<InvalidOperationException>(() => _f.Accounts.ChangeAsync(stored!, a => a with { Roles = [Role.SecurityAdmin, Role.Radiologist] }, default).AsTask());
        Assert.Equal([Role.SecurityAdmin], (await _f.Accounts.FindAsync(account.Subject, default))!.Value.Roles);
    }

    [Theory]
    [InlineData(Role.SystemAdmin, AccountKind.Person, "hospital-a", "account.roles-institution")]
    [InlineData(Role.SystemAdmin, AccountKind.Person, "platform", null)]
    [InlineData(Role.Radiologist, AccountKind.Person, "platform", "account.roles-institution")]
    [InlineData(Role.InstitutionAdmin, AccountKind.Person, "platform", "account.roles-institution")]
    [InlineData(Role.Uploader, AccountKind.Person, "hospital-a", "account.roles-kind")]
    [InlineData(Role.Radiologist, AccountKind.Client, "hospital-a", "account.roles-kind")]
    [InlineData(Role.Uploader, AccountKind.Client, "hospital-a", null)]
    [InlineData(Role.Patient, AccountKind.Person, "hospital-a", null)]
    public void Role_LivesWhereItBelongs(Role role, AccountKind kind, string institution, string? fault) =>
        Assert.Equal(fault, AccountRules.RoleFault([role], kind, institution));

    [Fact]
    public void ClinicalRoles_MayBeHeldTogether() =>
        Assert.Null(AccountRules.RoleFault([Role.Radiologist, Role.Technician, Role.Clinician], AccountKind.Person, "hospital-a"));

    [Fact]
    public async Task Login_IsTakenOnce()
    {
        await _f.AddAsync(Role.Radiologist, "lin");
        await Assert.ThrowsAsync<DocumentConflictException>(() => _f.AddAsync(Role.Clinician, "lin"));
        await _f.AddAsync(Role.Clinician, "lin", institution: "hospital-b");
    }

    [Fact]
    public async Task AccountId_IsNoPlainDigestOfTheLogin()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("hospital-a\nlin"u8));
        Assert.False(digest.StartsWith(account.Id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ExternalIdentity_SignsInAsOneAccountOnly()
    {
        var first = await _f.AddAsync(Role.Clinician, "one");
        var second = await _f.AddAsync(Role.Clinician, "two");
        var login = new ExternalLogin("https://idp.example", "7");
        Assert.NotNull(await _f.Accounts.BindAsync((await _f.Accounts.FindAsync(first.Subject, default))!, [login], default));
        Assert.Null(await _f.Accounts.BindAsync((await _f.Accounts.FindAsync(second.Subject, default))!, [login], default));
        Assert.NotNull(await _f.Accounts.BindAsync((await _f.Accounts.FindAsync(first.Subject, default))!, [], default));
        Assert.Null(await _f.Accounts.FindExternalAsync("hospital-a", login.Issuer, login.Subject, default));
        Assert.NotNull(await _f.Accounts.BindAsync((await _f.Accounts.FindAsync(second.Subject, default))!, [login], default));
        Assert.Equal(second.Id, (await _f.Accounts.FindExternalAsync("hospital-a", login.Issuer, login.Subject, default))?.Id);
    }

    [Theory]
    [InlineData("short", "account.password-short")]
    [InlineData("aaaaaaaaaaaa", "account.password-weak")]
    [InlineData("xx-Lin-2026-xx", "account.password-weak")]
    [InlineData("correct horse", null)]
    public void Password_HasToBeHardToGuess(string password, string? fault) => Assert.Equal(fault, AccountRules.PasswordFault(password, "lin"));

    [Fact]
    public void RoleNames_AreTheWireNames()
    {
        Assert.Equal("\"institution-admin\"", JsonSerializer.Serialize(Role.InstitutionAdmin, DocumentJson.Options));
        Assert.True(RoleNames.TryParse("audit-admin", out var role));
        Assert.Equal(Role.AuditAdmin, role);
        Assert.False(RoleNames.TryParse("AuditAdmin", out _));
    }

    [Fact]
    public async Task SigningKey_IsStoredEncrypted_AndSharedByHosts()
    {
        var token = await _f.TokenAsync(await _f.AddAsync(Role.Radiologist, "lin"));
        using var other = _f.NewKeys();
        Assert.Equal((await _f.Keys.PublishedAsync(default)).Single(), (await other.PublishedAsync(default)).Single());
        var page = await _f.Documents.ListAsync<JsonElementHolder>("platform", "signing-key", null, 10, null, default);
        var sealedKey = Assert.Single(page.Items).Value.Sealed;
        Assert.ThrowsAny<Exception>(() =>
        {
            using var key = System.Security.Cryptography.ECDsa.Create();
            key.ImportPkcs8PrivateKey(sealedKey.AsSpan(12), out _);
        });
        Assert.NotNull((await _f.CheckAsync(token)).Actor);
    }

    [Fact]
    public async Task SigningKey_FollowsItselfWithAge_PublishedBeforeItSigns()
    {
        var first = (await _f.Keys.SignerAsync(default)).KeyId;
        _f.Clock.Now += TimeSpan.FromDays(91);
        Assert.Equal(2, (await _f.Keys.PublishedAsync(default)).Count);
        Assert.Equal(first, (await _f.Keys.SignerAsync(default)).KeyId);
        _f.Clock.Now += TimeSpan.FromMinutes(11);
        var second = (await _f.Keys.SignerAsync(default)).KeyId;
        Assert.NotEqual(first, second);
        Assert.Equal(2, (await _f.Keys.PublishedAsync(default)).Count);
        _f.Clock.Now += TimeSpan.FromHours(3);
        Assert.Equal([second], (await _f.Keys.PublishedAsync(default)).Select(k => k.Kid));
    }

    [Fact]
    public async Task Code_WorksOnce_ForItsClientRedirectAndVerifierOnly()
    {
        var account = await _f.AddAsync(Role.Radiologist, "lin");
        const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"; // RFC 7636 appendix B
        Task<string> NewAsync() => _f.Codes.CreateAsync(account, "web", "https://a/", Challenge, null, default).AsTask();
        Task<CodeGrant?> RedeemAsync(string code, string client = "web", string redirect = "https://a/", string verifier = Verifier) => _f.Codes.RedeemAsync(code, client, redirect, verifier, default).AsTask();

        var code = await NewAsync();
        Assert.Equal(account.Subject, (await RedeemAsync(code))?.Subject);
        Assert.Null(await RedeemAsync(code));
        Assert.Null(await RedeemAsync(await NewAsync(), client: "other"));
        Assert.Null(await RedeemAsync(await NewAsync(), redirect: "https://a/x"));
        Assert.Null(await RedeemAsync(await NewAsync(), verifier: new string('a', 43)));
        Assert.Null(await RedeemAsync(await NewAsync(), verifier: "short"));
        var late = await NewAsync();
        _f.Clock.Now += TimeSpan.FromSeconds(60);
        Assert.Null(await RedeemAsync(late));

        // A failed attempt uses the code up as well.
        var burnt = await NewAsync();
        await RedeemAsync(burnt, verifier: new string('b', 43));
        Assert.Null(await RedeemAsync(burnt));
    }

    [Theory]
    [InlineData("skylight-web", "https://images.example.org/", true)]
    [InlineData("skylight-web", "https://images.example.org/evil", false)]
    [InlineData("skylight-web", "https://images.example.org.evil.example/", false)]
    [InlineData("skylight-web", "http://images.example.org/", false)]
    [InlineData("skylight-cli", "http://127.0.0.1:51234/callback", true)]
    [InlineData("skylight-cli", "http://localhost:51234/callback", false)]
    [InlineData("skylight-cli", "http://127.0.0.1:51234/other", false)]
    [InlineData("skylight-cli", "http://user@127.0.0.1:51234/callback", false)]
    [InlineData("skylight-cli", "http://127.0.0.1:51234/callback#x", false)]
    [InlineData("unknown", "https://images.example.org/", false)]
    [InlineData(null, null, false)]
    public void PublicClient_ReturnsOnlyWhereItIsRegistered(string? client, string? redirect, bool allowed) =>
        Assert.Equal(allowed, new PublicClients(_f.Options, _f.IssuerAddress).Allows(client, redirect));

    private sealed record JsonElementHolder(byte[] Sealed);
}
