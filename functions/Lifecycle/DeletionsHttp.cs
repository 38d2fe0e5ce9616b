using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Lifecycle;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Lifecycle;

/// <summary>What is deleted and not yet erased: seen, and brought back.</summary>
public sealed class DeletionsHttp(Gate gate, Deletions deletions, AuditRecorder audit)
{
    [Function("deletions-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/deletions")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.DeletionHandle, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.StatusOf(request, DeletionStatus.Hidden) is not { } status) return Problem.UnknownStatus();
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await deletions.ListAsync(admission.Institution, status, paging.Limit, paging.Next, cancellationToken);
        return paging.List<DeletionRecord>([.. page.Items.Select(item => item.Value)], page.Continuation);
    }

    [Function("deletions-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/deletions/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.DeletionHandle, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await deletions.GetAsync(admission.Institution, id, cancellationToken) is not { Value: var record }) return Refusals.NotFound();
        await audit.DoneAsync(admission.Actor, admission.Institution, "deletion.read", id, cancellationToken, record.PatientKey, record.StudyKey);
        return Answer.Json(record);
    }

    [Function("deletions-restore")]
    public async Task<IActionResult> Restore(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/deletions/{id}/restore")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.DeletionHandle, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var outcome = await deletions.RestoreAsync(admission.Institution, id, admission.Actor.Subject, cancellationToken);
        if (outcome == RestoreOutcome.Missing || await deletions.GetAsync(admission.Institution, id, cancellationToken) is not { Value: var record }) return Refusals.NotFound();
        if (outcome == RestoreOutcome.TooLate)
            return Problem.Of(409, "not-restorable", "It has been brought back already, or is being erased.", "该删除已被恢复，或正在彻底清除。", ("status", record.Status));
        await audit.DoneAsync(admission.Actor, admission.Institution, "deletion.restore", id, cancellationToken, record.PatientKey, record.StudyKey, $"level:{record.Level}");
        return Answer.Json(record);
    }
}
