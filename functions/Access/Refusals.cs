using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Access;

/// <summary>The refusals of the gate. Each is one fixed answer: nothing in it depends on the object asked for.</summary>
public static class Refusals
{
    /// <summary>401 with the challenge of RFC 6750 section 3.</summary>
    public static IActionResult Unauthorized(string? error) => error is null
        ? Problem.Of(401, "authentication-required", "A bearer token is required.", "需要登录令牌。").WithHeader("WWW-Authenticate", "Bearer realm=\"skylight\"")
        : Problem.Of(401, "authentication-invalid", "The bearer token is not valid, has expired, or its account is closed.", "令牌无效、已过期或账户已停用。")
            .WithHeader("WWW-Authenticate", $"Bearer realm=\"skylight\", error=\"{error}\"");

    public static IActionResult Forbidden(Decision decision) => decision.Outcome == Outcome.Ask
        ? Problem.Of(403, "access-requires", "Something has to be shown first before this is allowed.", "需要先满足前置条件。", ("requirements", decision.Requirements))
        : Problem.Of(403, "access-denied", "This account may not do that.", "该账户无权执行此操作。");

    /// <summary>What is not there and what may not be seen; the same as <see cref="Problem.NotFound"/>, which handlers answer when they miss something.</summary>
    public static IActionResult NotFound() => Problem.NotFound();
}
