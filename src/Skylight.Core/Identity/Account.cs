using System.Collections.Immutable;
using Skylight.Core.Access;

namespace Skylight.Core.Identity;

public enum AccountKind
{
    Person,

    /// <summary>A program that signs in with a generated secret (client credentials).</summary>
    Client,
}

/// <summary>A local account. Roles live here and nowhere else.</summary>
/// <param name="Id">Opaque, derived from institution and login under a secret.</param>
/// <param name="Login">Sign-in name within the institution, lower case.</param>
/// <param name="Name">Name to show; never leaves the institution's own lists.</param>
/// <param name="PasswordHash">Hash in ASP.NET Core Identity's format; null for accounts that sign in elsewhere only.</param>
/// <param name="Version">Grows with every change of password, roles or state; tokens carry it and die with it.</param>
public sealed record Account(
    int V,
    string Id,
    string Institution,
    string Login,
    string Name,
    AccountKind Kind,
    ImmutableArray<Role> Roles,
    string? PasswordHash,
    long Version,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    DateTimeOffset? DisabledAt,
    ImmutableArray<ExternalLogin> ExternalLogins)
{
    public string Subject => $"{Institution}/{Id}";

    /// <summary>Form of the sign-in name that people type: <c>login@institution</c>.</summary>
    public string SignInName => $"{Login}@{Institution}";

    public Actor ToActor(string session) => new(Id, Institution, Roles, session);
}

/// <summary>An identity at an external issuer that signs in as this account.</summary>
public sealed record ExternalLogin(string Issuer, string Subject);
