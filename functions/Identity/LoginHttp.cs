using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Core.Identity;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>
/// Sign-in without a browser, for command-line tools and the like: name and password in, the same one-hour token out. First-party only: other
/// applications send people to the login page and never see a password. A JSON body keeps other sites' forms from posting here.
/// </summary>
public sealed class LoginHttp(SignInService signIn, TokenIssuer tokens, IOptions<IdentityOptions> options)
{
    public sealed record Credentials(string? User, string? Password);

    [Function("identity-login")]
    [RequestLimit(4096)]
    public async Task<IActionResult> Login([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/login")] HttpRequest request, CancellationToken cancellationToken)
    {
        var body = await JsonBody.ReadAsync<Credentials>(request, cancellationToken);
        if (body.Refusal is { } refusal) return refusal;
        if (body.Value!.User is not { Length: > 0 } user || body.Value.Password is not { Length: > 0 } password)
            return Problem.BadRequest("login-incomplete", "User name and password are required.", "需要用户名和密码。");
        var result = await signIn.SignInAsync(user, password, AccountKind.Person, ClientAddress.Of(request, options.Value.ForwardedForHops), cancellationToken);
        if (result.RetryAfter is { } wait) return TooMany(wait);
        if (result.Account is not { } account) return Problem.Of(401, "login-failed", "User name or password is not right.", "用户名或密码不正确。");
        var token = await tokens.IssueAsync(account, PublicClients.Cli, cancellationToken);
        return Answer.Json(new { accessToken = token.AccessToken, tokenType = "Bearer", expiresIn = token.ExpiresInSeconds });
    }

    internal static Problem TooMany(TimeSpan wait) =>
        Problem.Of(429, "login-locked", "Too many failed sign-ins; wait and try again.", "登录失败次数过多，请稍后再试。")
            .WithHeader("Retry-After", Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture));
}
