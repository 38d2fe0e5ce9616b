using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Skylight.Core.Access;

/// <summary>Who asks: one local account, as it stands now.</summary>
/// <param name="AccountId">Opaque id of the account in its institution.</param>
/// <param name="Institution">The institution that the account belongs to; <see cref="PlatformInstitution"/> for the operator's own staff.</param>
/// <param name="Roles">Roles by the local record.</param>
/// <param name="Session">Id of the token (<c>jti</c>) the request came with; groups frame reads in the audit.</param>
public sealed record Actor(string AccountId, string Institution, ImmutableArray<Role> Roles, string Session)
{
    /// <summary>Institution code of the operator's own accounts. No hospital can have it.</summary>
    public const string PlatformInstitution = "platform";

    /// <summary>A caller without a valid token: no role, no institution.</summary>
    public static Actor Nobody { get; } = new("", "", [], "");

    /// <summary>The account everywhere: <c>institution/accountId</c>. This is what audit, care relations and person links name.</summary>
    public string Subject => $"{Institution}/{AccountId}";

    public bool Is(Role role) => Roles.Contains(role);

    public bool IsPlatform => Institution == PlatformInstitution;
}

/// <summary>The name of a role on the wire (<c>system-admin</c> …), as JSON writes it.</summary>
public static class RoleNames
{
    private static readonly ImmutableDictionary<Role, string> Names =
        Enum.GetValues<Role>().ToImmutableDictionary(r => r, r => JsonSerializer.Serialize(r).Trim('"'));

    private static readonly ImmutableDictionary<string, Role> Roles = Names.ToImmutableDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);

    public static string Wire(this Role role) => Names[role];

    public static bool TryParse(string? name, out Role role)
    {
        role = default;
        return name is not null && Roles.TryGetValue(name, out role);
    }
}
