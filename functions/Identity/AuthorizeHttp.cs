using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Skylight.Core.Identity;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>
/// The authorization endpoint (RFC 6749 section 4.1 with RFC 7636): shows the login page, and after the password sends the browser back with a
/// code. There is no session cookie: every authorization asks for the password, so there is nothing for another site to ride on.
/// </summary>
public sealed class AuthorizeHttp(SignInService signIn, AuthorizationCodes codes, PublicClients clients, IOptions<IdentityOptions> options)
{
    [Function("identity-authorize")]
    public IActionResult Show([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/identity/authorize")] HttpRequest request) =>
        Check(request.Query["client_id"], request.Query["redirect_uri"], request.Query["response_type"], request.Query["code_challenge"], request.Query["code_challenge_method"], request.Query["state"])
        ?? LoginPage.Show(Fields(name => request.Query[name]), null, null);

    [Function("identity-authorize-submit")]
    [RequestLimit(16 * 1024)]
    public async Task<IActionResult> Submit([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/identity/authorize")] HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasFormContentType) return Problem.BadRequest("authorize-malformed", "A form is expected.", "需要表单。");
        IFormCollection form;
        try
        {
            form = await request.ReadFormAsync(cancellationToken);
        }
        catch (InvalidDataException)
        {
            return Problem.BadRequest("authorize-malformed", "The form cannot be read.", "表单无法读取。");
        }

        if (Check(form["client_id"], form["redirect_uri"], form["response_type"], form["code_challenge"], form["code_challenge_method"], form["state"]) is { } refusal) return refusal;
        var fields = Fields(name => form[name]);
        var user = form["user"].ToString();
        var result = await signIn.SignInAsync(user, form["password"].ToString(), AccountKind.Person, ClientAddress.Of(request, options.Value.ForwardedForHops), cancellationToken);
        if (result.RetryAfter is { } wait) return LoginPage.Show(fields, user, wait);
        if (result.Account is not { } account) return LoginPage.Show(fields, user, TimeSpan.Zero);
        var code = await codes.CreateAsync(account, form["client_id"].ToString(), form["redirect_uri"].ToString(), form["code_challenge"].ToString(), Text(form["nonce"]), cancellationToken);
        return Back(form["redirect_uri"].ToString(), form["state"], ("code", code));
    }

    /// <summary>Null when the request is in order. A wrong client or return address is never redirected to.</summary>
    private IActionResult? Check(string? client, string? redirect, string? responseType, string? challenge, string? method, StringValues state)
    {
        if (!clients.Exists(client) || !clients.Allows(client, redirect))
            return Problem.BadRequest("authorize-client", "This client or its return address is not registered.", "客户端或回调地址未登记。");
        if (responseType != "code") return Back(redirect!, state, ("error", "unsupported_response_type"));

        // PKCE is not optional: these clients have no secret.
        return method != "S256" || challenge is not { Length: 43 } || !challenge.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? Back(redirect!, state, ("error", "invalid_request"))
            : null;
    }

    private static RedirectAnswer Back(string redirect, StringValues state, (string Name, string Value) result)
    {
        var target = QueryHelpers.AddQueryString(redirect, result.Name, result.Value);
        return new(state.Count == 1 ? QueryHelpers.AddQueryString(target, "state", state.ToString()) : target);
    }

    private static Dictionary<string, string> Fields(Func<string, StringValues> read)
    {
        string[] names = ["client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "state", "nonce", "scope"];
        return names.Select(n => (Name: n, Value: read(n))).Where(p => p.Value.Count == 1).ToDictionary(p => p.Name, p => p.Value.ToString());
    }

    private static string? Text(StringValues value) => value.Count == 1 && value.ToString() is { Length: > 0 and <= 256 } text ? text : null;

    private sealed class RedirectAnswer(string location) : IActionResult
    {
        public Task ExecuteResultAsync(ActionContext context)
        {
            // 303: the browser comes back with GET, and the form with the password is not sent on.
            context.HttpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            context.HttpContext.Response.Headers.Location = location;
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return Task.CompletedTask;
        }
    }
}
