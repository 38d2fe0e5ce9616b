using Skylight.Core.Access;

namespace Skylight.Core.Identity;

/// <summary>What an <c>Authorization</c> header proved.</summary>
/// <param name="Actor">The account, or null.</param>
/// <param name="Error">RFC 6750 section 3.1 code (<c>invalid_token</c>, <c>invalid_request</c>); null when no credential was sent at all.</param>
/// <param name="Reason">Why, for the log and for tests; never sent to the caller.</param>
public sealed record Authentication(Actor? Actor, string? Error, string? Reason)
{
    public static Authentication Of(Actor actor) => new(actor, null, null);

    public static Authentication Missing { get; } = new(null, null, "no credential");

    public static Authentication Invalid(string reason) => new(null, "invalid_token", reason);
}
