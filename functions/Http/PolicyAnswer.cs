using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Documents;

namespace Skylight.Functions.Http;

/// <summary>An institution's policy as a resource: its version goes out as the ETag, and If-Match puts over that version alone.</summary>
internal static class PolicyAnswer
{
    /// <param name="absent">What holds where none was ever put.</param>
    public static IActionResult Of<T>(HttpRequest request, Stored<T>? stored, T absent) where T : class
    {
        if (stored is not null) request.HttpContext.Response.Headers.ETag = $"\"{stored.ETag}\"";
        return Answer.Json(stored?.Value ?? absent);
    }

    /// <param name="put">Writes the policy and answers its version; it throws <see cref="DocumentConflictException"/>.</param>
    /// <param name="done">Runs after it was written.</param>
    public static async Task<IActionResult> PutAsync<T>(HttpRequest request, T policy, IReadOnlyList<string> faults, Func<Match, ValueTask<string>> put, Func<ValueTask> done)
    {
        if (faults.Count > 0) return Problem.Of(400, "policy-invalid", "Some fields cannot be taken.", "部分字段不符合要求。", ("fields", faults));
        string etag;
        try
        {
            etag = await put(request.Headers.IfMatch is [{ } tag] ? Match.Version(tag.Trim('"')) : Match.Any);
        }
        catch (DocumentConflictException)
        {
            return Problem.Of(412, "policy-changed", "The policy was changed meanwhile.", "策略已被他人修改。");
        }

        await done();
        request.HttpContext.Response.Headers.ETag = $"\"{etag}\"";
        return Answer.Json(policy);
    }
}
