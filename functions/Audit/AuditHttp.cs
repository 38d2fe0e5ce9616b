using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Audit;

/// <summary>The audit trail of the caller's institution, for its audit administrator. Reading it is recorded too.</summary>
public sealed class AuditHttp(Gate gate, IAuditLog audit, IStudySubjects subjects)
{
    [Function("audit-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/audit")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.AuditRead, ObjectRef.Audit(Text(request, "institution")), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        if (!TryTime(request, "from", out var from)) return Bad("from");
        if (!TryTime(request, "to", out var to)) return Bad("to");
        var after = 0L;
        if (paging.Next is not null && !long.TryParse(paging.Next, NumberStyles.None, CultureInfo.InvariantCulture, out after)) return Bad("next");
        var patients = Text(request, "patient") is { } patient ? await subjects.AliasesAsync(admission.Institution, patient, cancellationToken) : null;
        var query = new AuditQuery(patients, Text(request, "study"), Text(request, "actor"), from, to, after, paging.Limit);
        var page = await audit.ReadAsync(admission.Institution, query, cancellationToken);
        return paging.List(page.Items, page.Next);
    }

    [Function("audit-verify")]
    public async Task<IActionResult> Verify([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/audit/verification")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.AuditRead, ObjectRef.Audit(Text(request, "institution")), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        AuditHead? expected = null;
        if (Text(request, "head") is { } text)
        {
            if (!AuditHead.TryParse(text, out var head)) return Bad("head");
            expected = head;
        }

        return Answer.Json(await audit.VerifyAsync(admission.Institution, expected, cancellationToken));
    }

    private static Problem Bad(string field) => Problem.BadRequest("query-invalid", "A query parameter cannot be read.", "查询参数无法识别。", field);

    private static string? Text(HttpRequest request, string name) => request.Query[name] is [{ Length: > 0 and <= 200 } value] ? value : null;

    private static bool TryTime(HttpRequest request, string name, out DateTimeOffset? time)
    {
        time = null;
        if (Text(request, name) is not { } text) return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)) return false;
        time = parsed;
        return true;
    }
}
