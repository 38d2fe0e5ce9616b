using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Identity;

/// <summary>Settings under <c>Skylight:Identity</c>.</summary>
public sealed class IdentityOptions
{
    public const string Section = "Skylight:Identity";

    /// <summary>URL that the built-in issuer calls itself (<c>iss</c>); clients reach its discovery document below it. No trailing slash.
    /// Default: the public base URL of the host.</summary>
    [Url]
    public string? Issuer { get; set; }

    /// <summary>Audience (<c>aud</c>) of access tokens for this API.</summary>
    [Required, MinLength(1)]
    public string Audience { get; set; } = "skylight";

    /// <summary>Life of an access token in seconds. An account that is closed loses its tokens at once; this bounds everything else.</summary>
    [Range(60, 3600)]
    public int TokenSeconds { get; set; } = 3600;

    /// <summary>Life of an authorization code in seconds.</summary>
    [Range(10, 300)]
    public int CodeSeconds { get; set; } = 60;

    /// <summary>PBKDF2-HMAC-SHA512 iterations of new password hashes; older hashes are renewed at the next sign-in.</summary>
    [Range(1_000, 10_000_000)]
    public int HashIterations { get; set; } = 210_000;

    /// <summary>Failed sign-ins of one account name before it is locked.</summary>
    [Range(3, 100)]
    public int MaxFailures { get; set; } = 5;

    /// <summary>How long a locked account name stays locked, and how long failures are remembered, in seconds.</summary>
    [Range(60, 86_400)]
    public int LockoutSeconds { get; set; } = 1800;

    /// <summary>Failed sign-ins from one address before it has to wait.</summary>
    [Range(5, 10_000)]
    public int MaxFailuresPerAddress { get; set; } = 50;

    /// <summary>How long such an address waits, in seconds.</summary>
    [Range(60, 86_400)]
    public int AddressLockoutSeconds { get; set; } = 900;

    /// <summary>Age in days at which a signing key is followed by a new one.</summary>
    [Range(1, 366)]
    public int SigningKeyDays { get; set; } = 90;

    /// <summary>Proxies before this host that append to X-Forwarded-For (1 on Azure Functions). 0: the connection's own address counts.</summary>
    [Range(0, 5)]
    public int ForwardedForHops { get; set; }

    /// <summary>Issuers besides the built-in one. Each speaks for one institution only.</summary>
    [ValidateEnumeratedItems]
    public IList<ExternalIssuerOptions> ExternalIssuers { get; } = [];

    /// <summary>Public clients (without a secret) of the login page. They must use PKCE.</summary>
    [ValidateEnumeratedItems]
    public IList<PublicClientOptions> Clients { get; } = [];
}

/// <summary>One external OpenID issuer.</summary>
public sealed class ExternalIssuerOptions
{
    /// <summary>Exactly the <c>iss</c> of its tokens; its discovery document is found below it. Https, except on loopback.</summary>
    [Required, Url]
    public string Issuer { get; set; } = "";

    /// <summary>Code of the only institution whose accounts it can sign in.</summary>
    [Required, RegularExpression("^[a-z0-9-]{2,32}$")]
    public string Institution { get; set; } = "";

    /// <summary>Audience that its tokens must carry.</summary>
    [Required, MinLength(1)]
    public string Audience { get; set; } = "";

    /// <summary>Signature algorithms accepted from it. Default RS256, PS256, ES256. Symmetric ones are never accepted.</summary>
    public IList<string> Algorithms { get; } = [];
}

/// <summary>A public client of the login page.</summary>
public sealed class PublicClientOptions
{
    [Required, MinLength(1)]
    public string Id { get; set; } = "";

    /// <summary>Redirect URIs, compared exactly; <c>http://127.0.0.1/…</c> matches any port (RFC 8252 section 7.3).</summary>
    [MinLength(1)]
    public IList<string> RedirectUris { get; } = [];
}

[OptionsValidator]
public sealed partial class IdentityOptionsValidator : IValidateOptions<IdentityOptions>;
