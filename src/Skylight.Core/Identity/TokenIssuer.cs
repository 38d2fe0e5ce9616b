using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Skylight.Core.Identity;

/// <summary>An access token as issued.</summary>
public sealed record IssuedToken(string AccessToken, int ExpiresInSeconds);

/// <summary>Makes tokens of the built-in issuer: access tokens in the form of RFC 9068 and OpenID ID tokens.</summary>
public sealed class TokenIssuer(SigningKeys keys, IssuerAddress issuer, IOptions<IdentityOptions> options, TimeProvider time)
{
    /// <summary>Type header of access tokens; an ID token presented as one is refused by it.</summary>
    public const string AccessTokenType = "at+jwt";

    /// <summary>Claim with <see cref="Account.Version"/>.</summary>
    public const string VersionClaim = "ver";

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    public async ValueTask<IssuedToken> IssueAsync(Account account, string clientId, CancellationToken cancellationToken)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = account.Subject,
            ["client_id"] = clientId,
            ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            [VersionClaim] = account.Version,
        };
        return new(await SignAsync(claims, options.Value.Audience, AccessTokenType, cancellationToken), options.Value.TokenSeconds);
    }

    /// <summary>The ID token for a public client. It names the person for display and grants nothing.</summary>
    public async ValueTask<string> IssueIdTokenAsync(Account account, string clientId, string? nonce, DateTimeOffset authenticatedAt, CancellationToken cancellationToken)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = account.Subject,
            ["name"] = account.Name,
            ["preferred_username"] = account.SignInName,
            ["auth_time"] = authenticatedAt.ToUnixTimeSeconds(),
        };
        if (nonce is not null) claims["nonce"] = nonce;
        return await SignAsync(claims, clientId, "JWT", cancellationToken);
    }

    private async ValueTask<string> SignAsync(Dictionary<string, object> claims, string audience, string type, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer.Url,
            Audience = audience,
            TokenType = type,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddSeconds(options.Value.TokenSeconds),
            Claims = claims,
            SigningCredentials = new SigningCredentials(await keys.SignerAsync(cancellationToken), SecurityAlgorithms.EcdsaSha256),
        });
    }
}
