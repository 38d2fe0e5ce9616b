using Microsoft.Extensions.Options;

namespace Skylight.Core.Identity;

/// <summary>The public clients of the login page: the two that come with the product, and those configured.</summary>
public sealed class PublicClients(IOptions<IdentityOptions> options, IssuerAddress issuer)
{
    /// <summary>The web application of this host; returns to <c>/</c> or <c>/signed-in</c> below the issuer.</summary>
    public const string Web = "skylight-web";

    /// <summary>Command-line tools; return to <c>http://127.0.0.1:PORT/callback</c> (RFC 8252).</summary>
    public const string Cli = "skylight-cli";

    public bool Exists(string? id) => id is Web or Cli || options.Value.Clients.Any(c => c.Id == id);

    /// <summary>Whether an authorization of a client may return to a URI.</summary>
    public bool Allows(string? id, string? redirectUri)
    {
        if (id is null || redirectUri is null || !Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri) || uri.Fragment.Length > 0) return false;
        IEnumerable<string> registered = id switch
        {
            Web => [$"{issuer.Url}/", $"{issuer.Url}/signed-in"],
            Cli => ["http://127.0.0.1/callback"],
            _ => options.Value.Clients.FirstOrDefault(c => c.Id == id)?.RedirectUris ?? [],
        };
        return registered.Any(r => string.Equals(r, redirectUri, StringComparison.Ordinal) || IsSameLoopback(r, uri));
    }

    // RFC 8252 section 7.3: on loopback the port is chosen at run time. The literal address only; "localhost" may resolve elsewhere.
    private static bool IsSameLoopback(string registered, Uri actual) =>
        Uri.TryCreate(registered, UriKind.Absolute, out var known)
        && known is { Scheme: "http", Host: "127.0.0.1", IsDefaultPort: true }
        && actual is { Scheme: "http", Host: "127.0.0.1" }
        && actual.UserInfo.Length == 0
        && known.PathAndQuery == actual.PathAndQuery;
}
