using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Functions.Access;

/// <summary>The three refusals. Each is one fixed body: nothing in it depends on the object asked for.</summary>
public static class Refusals
{
    /// <summary>401 with the challenge of RFC 6750 section 3.</summary>
    public static IActionResult Unauthorized(string? error) => new Refusal(
        StatusCodes.Status401Unauthorized,
        error is null ? "authentication.required" : "authentication.invalid",
        error is null ? "A bearer token is required." : "The bearer token is not valid, has expired, or its account is closed.",
        error is null ? "需要登录令牌。" : "令牌无效、已过期或账户已停用。",
        error is null ? "Bearer realm=\"skylight\"" : $"Bearer realm=\"skylight\", error=\"{error}\"");

    public static IActionResult Forbidden(Decision decision) => decision.Outcome == Outcome.Ask
        ? new Refusal(StatusCodes.Status403Forbidden, "access.requires", "Something has to be shown first before this is allowed.", "需要先满足前置条件。", null)
        : new Refusal(StatusCodes.Status403Forbidden, "access.denied", "This account may not do that.", "该账户无权执行此操作。", null);

    /// <summary>What is not there and what may not be seen. Handlers use it as well when they find that something is missing.</summary>
    public static IActionResult NotFound() => new Refusal(StatusCodes.Status404NotFound, "not-found", "There is nothing here.", "未找到。", null);

    private sealed class Refusal(int status, string code, string title, string titleZh, string? challenge) : IActionResult
    {
        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = status;
            response.ContentType = "application/problem+json";
            response.Headers.CacheControl = "no-store";
            if (challenge is not null) response.Headers.WWWAuthenticate = challenge;
            var body = JsonSerializer.SerializeToUtf8Bytes(new { type = $"urn:skylight:problem:{code}", title, titleZh, status, code }, DocumentJson.Options);
            response.ContentLength = body.Length;
            await response.Body.WriteAsync(body, context.HttpContext.RequestAborted);
        }
    }
}
