using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Identity;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>What OpenID clients read first (OpenID Connect Discovery 1.0). Public.</summary>
public sealed class DiscoveryHttp(SigningKeys keys, IssuerAddress issuer)
{
    private static readonly Dictionary<string, object> Abilities = new()
    {
        ["response_types_supported"] = new[] { "code" },
        ["response_modes_supported"] = new[] { "query" },
        ["grant_types_supported"] = new[] { "authorization_code", "client_credentials" },
        ["code_challenge_methods_supported"] = new[] { "S256" },
        ["token_endpoint_auth_methods_supported"] = new[] { "none", "client_secret_basic", "client_secret_post" },
        ["subject_types_supported"] = new[] { "public" },
        ["id_token_signing_alg_values_supported"] = new[] { "ES256" },
        ["scopes_supported"] = new[] { "openid", "profile" },
        ["claims_supported"] = new[] { "sub", "name", "preferred_username", "auth_time" },
        ["ui_locales_supported"] = new[] { "zh-CN", "en" },
    };

    [Function("identity-discovery")]
    public IActionResult Discover([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = ".well-known/openid-configuration")] HttpRequest request)
    {
        request.HttpContext.Response.Headers.CacheControl = "public, max-age=300";
        var url = issuer.Url;
        return Answer.Json(new Dictionary<string, object>(Abilities)
        {
            ["issuer"] = url,
            ["authorization_endpoint"] = $"{url}/api/identity/authorize",
            ["token_endpoint"] = $"{url}/api/identity/token",
            ["jwks_uri"] = $"{url}/api/identity/keys",
        });
    }

    [Function("identity-keys")]
    public async Task<IActionResult> Keys([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/identity/keys")] HttpRequest request, CancellationToken cancellationToken)
    {
        request.HttpContext.Response.Headers.CacheControl = "public, max-age=300";
        return Answer.Json(new { keys = await keys.PublishedAsync(cancellationToken) });
    }
}
