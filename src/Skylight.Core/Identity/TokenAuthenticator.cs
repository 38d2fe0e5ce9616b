using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Skylight.Core.Identity;

/// <summary>
/// Turns an <c>Authorization</c> header into an actor: bearer tokens of the built-in issuer or of a configured external one.
/// Whatever a token says, roles and state come from the local account as it is now.
/// </summary>
public sealed class TokenAuthenticator : IDisposable
{
    /// <summary>Longest token that is looked at.</summary>
    public const int MaxTokenCharacters = 8192;

    /// <summary>Difference of clocks that is tolerated.</summary>
    public static readonly TimeSpan Leeway = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);

    // Verified tokens are cached here, not keys by their id there.
    private static readonly CryptoProviderFactory NoCache = new() { CacheSignatureProviders = false };
    private static readonly JsonWebTokenHandler Handler = new() { MaximumTokenSizeInBytes = MaxTokenCharacters, MapInboundClaims = false };

    private readonly SigningKeys _keys;
    private readonly ExternalIssuers _external;
    private readonly AccountDirectory _accounts;
    private readonly IdentityOptions _options;
    private readonly IssuerAddress _issuer;
    private readonly TimeProvider _time;
    private readonly MemoryCache _verified = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    public TokenAuthenticator(
        SigningKeys keys, IssuerAddress issuer, ExternalIssuers external, AccountDirectory accounts, IOptions<IdentityOptions> options, TimeProvider time) =>
        (_keys, _issuer, _external, _accounts, _options, _time) = (keys, issuer, external, accounts, options.Value, time);

    /// <param name="header">The header as received, or null.</param>
    public async ValueTask<Authentication> AuthenticateAsync(string? header, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(header)) return Authentication.Missing;
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return Authentication.Invalid("not a bearer token");
        var token = header["Bearer ".Length..].Trim();
        if (token.Length is 0 or > MaxTokenCharacters) return Authentication.Invalid("length");

        // The signature of a token is checked once; its time and its account every time.
        var digest = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (!_verified.TryGetValue(digest, out Verified? verified))
        {
            var (checkedToken, reason) = await VerifyAsync(token, cancellationToken);
            if (checkedToken is null) return Authentication.Invalid(reason);
            verified = checkedToken;
            _verified.Set(digest, verified, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(1) });
        }

        return _time.GetUtcNow() >= verified!.Expires + Leeway ? Authentication.Invalid("expired") : await ToActorAsync(verified, cancellationToken);
    }

    public void Dispose() => _verified.Dispose();

    private async ValueTask<Authentication> ToActorAsync(Verified token, CancellationToken cancellationToken)
    {
        var stored = token.External is { } external
            ? await _accounts.FindExternalAsync(external.Institution, external.Issuer, token.Subject, cancellationToken)
            : await _accounts.FindAsync(token.Subject, cancellationToken);
        if (stored?.Value is not { } account) return Authentication.Invalid("no account");
        if (account.DisabledAt is not null) return Authentication.Invalid("account closed");
        if (token.Version is { } version && version != account.Version) return Authentication.Invalid("account changed");
        return Authentication.Of(account.ToActor(token.Session));
    }

    private async ValueTask<(Verified? Token, string Reason)> VerifyAsync(string token, CancellationToken cancellationToken)
    {
        JsonWebToken parsed;
        try
        {
            parsed = Handler.ReadJsonWebToken(token);
        }
        catch (Exception error) when (error is ArgumentException or SecurityTokenException)
        {
            return (null, "malformed");
        }

        var own = string.Equals(parsed.Issuer, _issuer.Url, StringComparison.Ordinal);
        var external = own ? null : _external.Find(parsed.Issuer);
        if (external is null && !own) return (null, "issuer");
        ICollection<SecurityKey> keys;
        try
        {
            keys = external is null ? [.. await _keys.AcceptedAsync(cancellationToken)] : await _external.KeysAsync(external, cancellationToken);
        }
        catch (InvalidOperationException)
        {
            return (null, "issuer keys unavailable");
        }

        var result = await Handler.ValidateTokenAsync(token, Parameters(external, keys));
        if (!result.IsValid)
        {
            if (external is not null && result.Exception is SecurityTokenSignatureKeyNotFoundException) _external.Refresh(external);
            return (null, result.Exception?.GetType().Name ?? "invalid");
        }

        return Read((JsonWebToken)result.SecurityToken, external);
    }

    private TokenValidationParameters Parameters(ExternalIssuerOptions? external, ICollection<SecurityKey> keys) => new()
    {
        ValidIssuer = external?.Issuer ?? _issuer.Url,
        ValidAudience = external?.Audience ?? _options.Audience,
        ValidTypes = external is null ? [TokenIssuer.AccessTokenType] : null,
        ValidAlgorithms = external is null ? [SecurityAlgorithms.EcdsaSha256] : ExternalIssuers.Algorithms(external),
        IssuerSigningKeys = keys,
        TryAllIssuerSigningKeys = false,
        RequireSignedTokens = true,
        CryptoProviderFactory = NoCache,
        RequireExpirationTime = true,
        LifetimeValidator = (notBefore, expires, _, _) =>
        {
            // The host's TimeProvider, not the machine's clock.
            var now = _time.GetUtcNow().UtcDateTime;
            return expires is { } end && now < end + Leeway && (notBefore is not { } start || start - Leeway <= now);
        },
    };

    private (Verified? Token, string Reason) Read(JsonWebToken token, ExternalIssuerOptions? external)
    {
        if (string.IsNullOrEmpty(token.Subject)) return (null, "subject");
        var expires = new DateTimeOffset(token.ValidTo, TimeSpan.Zero);
        var now = _time.GetUtcNow();
        if (external is not null)
        {
            // However long the issuer lets its tokens live, here they live an hour: a leaver's do not outlive it.
            if (!token.TryGetPayloadValue("iat", out long issued)) return (null, "issued-at");
            var oldest = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(issued, 0, 253402300799)) + MaxAge;
            expires = expires < oldest ? expires : oldest;
            if (now >= expires + Leeway) return (null, "too old");
            return (new(token.Subject, external, null, Session(token), expires), "");
        }

        return token.TryGetPayloadValue(TokenIssuer.VersionClaim, out long version)
            ? (new(token.Subject, null, version, Session(token), expires), "")
            : (null, "version");
    }

    private static string Session(JsonWebToken token) =>
        token.Id is { Length: > 0 and <= 64 } id ? id : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{token.Subject}|{token.IssuedAt:O}"))).AsSpan(0, 16));

    private sealed record Verified(string Subject, ExternalIssuerOptions? External, long? Version, string Session, DateTimeOffset Expires);
}
