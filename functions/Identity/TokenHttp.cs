using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Core.Identity;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>The token endpoint (RFC 6749 section 3.2): client credentials for upload nodes, authorization codes with PKCE for people.</summary>
public sealed class TokenHttp(
    SignInService signIn, TokenIssuer tokens, AuthorizationCodes codes, AccountDirectory accounts, PublicClients clients, IOptions<IdentityOptions> options)
{
    private const int MaxFormBytes = 16 * 1024;

    [Function("identity-token")]
    [RequestLimit(MaxFormBytes)]
    public async Task<IActionResult> Token([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/identity/token")] HttpRequest request, CancellationToken cancellationToken)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        if (!request.HasFormContentType) return Error(400, "invalid_request");
        IFormCollection form;
        try
        {
            form = await request.ReadFormAsync(cancellationToken);
        }
        catch (InvalidDataException)
        {
            return Error(400, "invalid_request");
        }

        return form["grant_type"].ToString() switch
        {
            "client_credentials" => await ClientAsync(request, form, cancellationToken),
            "authorization_code" => await CodeAsync(form, cancellationToken),
            _ => Error(400, "unsupported_grant_type"),
        };
    }

    private async Task<IActionResult> ClientAsync(HttpRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var basic = TryReadBasic(request.Headers.Authorization, out var id, out var secret);
        if (!basic) (id, secret) = (form["client_id"].ToString(), form["client_secret"].ToString());
        if (id.Length == 0 || secret.Length == 0) return Error(401, "invalid_client", basic: true);
        var result = await signIn.SignInAsync(id, secret, AccountKind.Client, ClientAddress.Of(request, options.Value.ForwardedForHops), cancellationToken);
        if (result.RetryAfter is { } wait) return LoginHttp.TooMany(wait);
        if (result.Account is not { } account) return Error(401, "invalid_client", basic: true);
        var token = await tokens.IssueAsync(account, account.SignInName, cancellationToken);
        return Answer.Json(new Dictionary<string, object> { ["access_token"] = token.AccessToken, ["token_type"] = "Bearer", ["expires_in"] = token.ExpiresInSeconds });
    }

    private async Task<IActionResult> CodeAsync(IFormCollection form, CancellationToken cancellationToken)
    {
        var client = form["client_id"].ToString();
        if (!clients.Exists(client)) return Error(401, "invalid_client");
        var grant = await codes.RedeemAsync(form["code"].ToString(), client, form["redirect_uri"].ToString(), form["code_verifier"].ToString(), cancellationToken);
        var stored = grant is null ? null : await accounts.FindAsync(grant.Subject, cancellationToken);
        if (grant is null || stored?.Value is not { DisabledAt: null } account) return Error(400, "invalid_grant");
        var token = await tokens.IssueAsync(account, client, cancellationToken);
        return Answer.Json(new Dictionary<string, object>
        {
            ["access_token"] = token.AccessToken,
            ["token_type"] = "Bearer",
            ["expires_in"] = token.ExpiresInSeconds,
            ["id_token"] = await tokens.IssueIdTokenAsync(account, client, grant.Nonce, grant.AuthenticatedAt, cancellationToken),
        });
    }

    /// <summary>RFC 6749 section 2.3.1: both halves are form-encoded inside the Basic credentials.</summary>
    private static bool TryReadBasic(string? header, out string id, out string secret)
    {
        (id, secret) = ("", "");
        if (header is null || header.Length > 1024 || !header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return false;
        var bytes = new byte[1024];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), bytes, out var length)) return false;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return false;
        (id, secret) = (Uri.UnescapeDataString(text[..colon]), Uri.UnescapeDataString(text[(colon + 1)..]));
        return true;
    }

    /// <summary>RFC 6749 section 5.2: this endpoint's errors have the form that OAuth clients read, with the usual members besides.</summary>
    private static Problem Error(int status, string error, bool basic = false)
    {
        var problem = Problem.Of(status, error.Replace('_', '-'), "The token request was refused.", "令牌请求被拒绝。", ("error", error));
        return basic ? problem.WithHeader("WWW-Authenticate", "Basic realm=\"skylight\"") : problem;
    }
}
