using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Core.Identity;

/// <summary>The accounts of all institutions, each in its institution's partition.</summary>
public sealed class AccountDirectory(IDocuments documents, InstitutionSecret secret, PasswordHashing hashing, TimeProvider time)
{
    private const string Type = "account";
    private const string ExternalType = "external-login";

    public ValueTask<Stored<Account>?> FindAsync(string institution, string id, CancellationToken cancellationToken) =>
        documents.GetAsync<Account>(new(institution, Type, id), cancellationToken);

    /// <summary>By <see cref="Actor.Subject"/>.</summary>
    public async ValueTask<Stored<Account>?> FindAsync(string subject, CancellationToken cancellationToken) =>
        subject.Split('/') is [var institution, var id] ? await FindAsync(institution, id, cancellationToken) : null;

    /// <summary>By what a person types: <c>login@institution</c>, or <c>login</c> alone for the operator's own accounts.</summary>
    public async ValueTask<Stored<Account>?> FindBySignInNameAsync(string signInName, CancellationToken cancellationToken)
    {
        var (login, institution) = Split(signInName);
        return await FindAsync(institution, await IdAsync(institution, login, cancellationToken), cancellationToken);
    }

    /// <summary>By <see cref="Actor.Subject"/> or by what a person types.</summary>
    public ValueTask<Stored<Account>?> FindByNameAsync(string name, CancellationToken cancellationToken) =>
        name.Contains('/', StringComparison.Ordinal) ? FindAsync(name, cancellationToken) : FindBySignInNameAsync(name, cancellationToken);

    /// <summary>The account that an identity of an external issuer is bound to, in the one institution the issuer speaks for.</summary>
    public async ValueTask<Stored<Account>?> FindExternalAsync(string institution, string issuer, string subject, CancellationToken cancellationToken)
    {
        var bound = await documents.GetAsync<ExternalBinding>(ExternalKey(institution, issuer, subject), cancellationToken);
        if (bound is null) return null;
        var account = await FindAsync(institution, bound.Value.AccountId, cancellationToken);
        return account?.Value.ExternalLogins.Contains(new ExternalLogin(issuer, subject)) == true ? account : null;
    }

    public ValueTask<DocumentPage<Account>> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<Account>(institution, Type, null, limit, continuation, cancellationToken);

    /// <summary>Creates an account that <see cref="AccountRules"/> allow; the caller has checked them.</summary>
    /// <exception cref="DocumentConflictException">The login is taken.</exception>
    public async ValueTask<Account> CreateAsync(
        string institution, string login, string name, AccountKind kind, IReadOnlyCollection<Role> roles, string? password, string createdBy, CancellationToken cancellationToken)
    {
        if (AccountRules.RoleFault(roles, kind, institution) is { } fault) throw new InvalidOperationException($"An account with such roles cannot exist: {fault}.");
        var id = await IdAsync(institution, login, cancellationToken);
        var account = new Account(
            1, id, institution, login, name, kind, [.. roles], password is null ? null : hashing.Hash(password), 1, time.GetUtcNow(), createdBy, null, []);
        await documents.PutAsync(new(institution, Type, id), account, Match.None, [], cancellationToken);
        return account;
    }

    /// <summary>Changes an account under the version it was read at. Everything that tokens depend on raises <see cref="Account.Version"/>.</summary>
    /// <exception cref="DocumentConflictException">It changed meanwhile.</exception>
    public async ValueTask<Account> ChangeAsync(Stored<Account> stored, Func<Account, Account> change, CancellationToken cancellationToken)
    {
        var before = stored.Value;
        var after = change(before);
        if (AccountRules.RoleFault(after.Roles, after.Kind, after.Institution) is { } fault) throw new InvalidOperationException($"An account with such roles cannot exist: {fault}.");
        if (after.PasswordHash != before.PasswordHash || after.DisabledAt != before.DisabledAt || !after.Roles.SequenceEqual(before.Roles))
            after = after with { Version = before.Version + 1 };
        await documents.PutAsync(new(after.Institution, Type, after.Id), after, Match.Version(stored.ETag), [], cancellationToken);
        return after;
    }

    public ValueTask<Account> SetPasswordAsync(Stored<Account> stored, string password, CancellationToken cancellationToken) =>
        ChangeAsync(stored, a => a with { PasswordHash = hashing.Hash(password) }, cancellationToken);

    /// <summary>Same password, newer hash parameters: tokens stay.</summary>
    internal async ValueTask RehashAsync(Stored<Account> stored, string password, CancellationToken cancellationToken) =>
        await documents.PutAsync(
            new(stored.Value.Institution, Type, stored.Id), stored.Value with { PasswordHash = hashing.Hash(password) }, Match.Version(stored.ETag), [], cancellationToken);

    /// <summary>Replaces the external identities that sign in as an account. Null when one of them is bound to another account.</summary>
    public async ValueTask<Account?> BindAsync(Stored<Account> stored, IReadOnlyList<ExternalLogin> logins, CancellationToken cancellationToken)
    {
        var account = stored.Value;
        foreach (var login in logins)
        {
            var owner = await FindExternalAsync(account.Institution, login.Issuer, login.Subject, cancellationToken);
            if (owner is not null && owner.Value.Id != account.Id) return null;
        }

        // The account first: a binding counts only while the account names it, so a crash between the two opens nothing.
        var changed = await ChangeAsync(stored, a => a with { ExternalLogins = [.. logins.Distinct()] }, cancellationToken);
        foreach (var login in logins)
            await documents.PutAsync(ExternalKey(account.Institution, login.Issuer, login.Subject), new ExternalBinding(1, account.Id), Match.Any, [], cancellationToken);
        return changed;
    }

    internal static (string Login, string Institution) Split(string signInName)
    {
        var normal = signInName.Trim().ToLowerInvariant();
        var at = normal.LastIndexOf('@');
        return at < 0 ? (normal, Actor.PlatformInstitution) : (normal[..at], normal[(at + 1)..]);
    }

    // Keyed, because ids go to the audit, where a plain digest of a login could be guessed back.
    private async ValueTask<string> IdAsync(string institution, string login, CancellationToken cancellationToken)
    {
        var key = await secret(Actor.PlatformInstitution, "account-id", cancellationToken);
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{institution}\n{login}")).AsSpan(0, 16));
    }

    private static DocumentKey ExternalKey(string institution, string issuer, string subject) =>
        new(institution, ExternalType, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{issuer}\n{subject}"))));

    private sealed record ExternalBinding(int V, string AccountId);
}
