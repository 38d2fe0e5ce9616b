namespace Skylight.Core.Identity;

/// <summary>Turns an <c>Authorization</c> header into an actor: bearer tokens of the built-in issuer or of a configured external one.</summary>
public sealed class TokenAuthenticator
{
    /// <param name="header">The header as received, or null.</param>
    public ValueTask<Authentication> AuthenticateAsync(string? header, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
