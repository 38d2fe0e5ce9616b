using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;

namespace Skylight.Functions.Http;

/// <summary>
/// A refusal as <c>application/problem+json</c> (RFC 9457): <c>code</c> is stable and for programs, <c>title</c> (English) and <c>titleZh</c>
/// (Chinese) are for people, <c>correlationId</c> finds the request in the logs. Nothing in it repeats what the client sent.
/// </summary>
public sealed class Problem : IActionResult
{
    private readonly Dictionary<string, object?> _members;
    private List<(string Name, string Value)>? _headers;

    private Problem(int status, string code, string title, string titleZh, ReadOnlySpan<(string Name, object? Value)> extensions)
    {
        (Status, Code) = (status, code);
        _members = new(StringComparer.Ordinal)
        {
            ["type"] = "urn:skylight:problem:" + code,
            ["title"] = title,
            ["titleZh"] = titleZh,
            ["status"] = status,
            ["code"] = code,
        };
        foreach (var (name, value) in extensions) _members[name] = value;
    }

    /// <summary>HTTP status, 400–599.</summary>
    public int Status { get; }

    /// <summary>Stable name of the reason, lower-case words joined by hyphens.</summary>
    public string Code { get; }

    /// <summary>Further members, camelCase; values are serialised like every API body and must carry no personal data.</summary>
    public static Problem Of(int status, string code, string en, string zh, params ReadOnlySpan<(string Name, object? Value)> extensions) =>
        new(status, code, en, zh, extensions);

    public static Problem NotFound() => Of(404, "not-found", "There is nothing here, or nothing that you may see.", "此处没有内容，或您无权查看。");

    public static Problem UnknownStatus() => BadRequest("unknown-status", "There is no such status.", "没有该状态。", "status");

    /// <summary>400: a query parameter that is out of its range, or that no page of this list gave.</summary>
    /// <param name="name">One of ours; null where it is the client's text, which is not repeated.</param>
    public static Problem WrongParameter(string? name) => BadRequest("query-malformed", "A search parameter cannot be taken.", "查询参数无法识别。", name);

    /// <summary>422: what was made under this Idempotency-Key is something else.</summary>
    public static Problem KeyReused() => Of(
        422, "idempotency-key-reused", "This Idempotency-Key was used for another request: nothing was made. Use a new key.", "该 Idempotency-Key 已用于另一请求，未创建任何内容；请使用新的键。", ("field", "Idempotency-Key"));

    /// <summary>409: a hold forbids it.</summary>
    public static Problem OnHold(StudyHold? hold) => Of(
        409, "study-on-hold", "The study is on hold: nothing of it may be deleted or changed.", "该检查处于保全状态，不得删除或更改。",
        ("rule", "X-HOLD"), ("holdId", hold?.Id), ("kind", hold?.Kind), ("since", hold?.At));

    /// <summary>409: it must still be kept.</summary>
    public static Problem Retained(RetentionVerdict verdict) => Of(
        409, "retention-not-over", "The study must still be kept.", "该检查尚在法定保存期内。",
        ("rule", verdict.Rule), ("source", verdict.Source), ("lastVisit", verdict.LastVisit), ("years", verdict.Years), ("until", verdict.Until));

    /// <summary>A body, query or header that breaks the documented form. <paramref name="field"/> names which, never its value.</summary>
    public static Problem BadRequest(string code, string en, string zh, string? field = null) =>
        field is null ? Of(400, code, en, zh) : Of(400, code, en, zh, ("field", field));

    /// <summary>Adds a response header, such as Retry-After or WWW-Authenticate.</summary>
    public Problem WithHeader(string name, string value)
    {
        (_headers ??= []).Add((name, value));
        return this;
    }

    public Task ExecuteResultAsync(ActionContext context) => WriteAsync(context.HttpContext);

    /// <summary>Writes the answer. The response must not have started.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = "application/problem+json";
        foreach (var (name, value) in _headers ?? []) response.Headers.Append(name, value);
        // A copy: one problem may answer many requests.
        var members = new Dictionary<string, object?>(_members, StringComparer.Ordinal);
        if (Activity.Current is { } activity) members["correlationId"] = activity.TraceId.ToHexString();
        var body = JsonSerializer.SerializeToUtf8Bytes(members, DocumentJson.Options);
        response.ContentLength = body.Length;
        if (HttpMethods.IsHead(context.Request.Method)) return;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }
}
