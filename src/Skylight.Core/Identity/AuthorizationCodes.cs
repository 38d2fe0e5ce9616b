using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Core.Identity;

/// <summary>What an authorization code stands for.</summary>
public sealed record CodeGrant(int V, string Subject, string ClientId, string RedirectUri, string Challenge, string? Nonce, DateTimeOffset AuthenticatedAt, DateTimeOffset Until);

/// <summary>Authorization codes (RFC 6749 section 4.1) bound to their client, redirect URI and PKCE challenge (RFC 7636, S256 only). Each works once.</summary>
public sealed class AuthorizationCodes(IDocuments documents, IOptions<IdentityOptions> options, TimeProvider time)
{
    private const string Type = "authorization-code";

    public async ValueTask<string> CreateAsync(Account account, string clientId, string redirectUri, string challenge, string? nonce, CancellationToken cancellationToken)
    {
        var code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        var grant = new CodeGrant(1, account.Subject, clientId, redirectUri, challenge, nonce, now, now.AddSeconds(options.Value.CodeSeconds));
        await documents.PutAsync(Key(code), grant, Match.None, [], cancellationToken);
        return code;
    }

    /// <summary>Takes a code back. Null when it is unknown, used, expired, or was made for something else; it is gone in every case.</summary>
    public async ValueTask<CodeGrant?> RedeemAsync(string code, string clientId, string redirectUri, string verifier, CancellationToken cancellationToken)
    {
        if (code.Length > 128 || verifier.Length is < 43 or > 128) return null;
        var stored = await documents.GetAsync<CodeGrant>(Key(code), cancellationToken);
        if (stored is null) return null;
        try
        {
            if (!await documents.DeleteAsync(Key(code), Match.Version(stored.ETag), cancellationToken)) return null;
        }
        catch (DocumentConflictException)
        {
            // Redeemed by someone else a moment ago.
            return null;
        }

        var grant = stored.Value;
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        return time.GetUtcNow() < grant.Until
            && grant.ClientId == clientId
            && grant.RedirectUri == redirectUri
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(challenge), Encoding.ASCII.GetBytes(grant.Challenge))
            ? grant
            : null;
    }

    /// <summary>Removes codes that were never redeemed. Answers how many.</summary>
    public async ValueTask<int> CleanAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var page = await documents.ListAsync<CodeGrant>(Actor.PlatformInstitution, Type, null, 500, null, cancellationToken);
        var old = page.Items.Where(i => i.Value.Until <= now).ToList();
        foreach (var item in old) await documents.DeleteAsync(new(Actor.PlatformInstitution, Type, item.Id), Match.Any, cancellationToken);
        return old.Count;
    }

    private static DocumentKey Key(string code) =>
        new(Actor.PlatformInstitution, Type, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(code))));
}
