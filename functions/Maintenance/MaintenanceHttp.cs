using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Archive.Sealing;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Maintenance;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Maintenance;

/// <summary>Key rotation, re-encryption and verification of an institution's archive: started, watched, paused and resumed by its security administrator.</summary>
public sealed class MaintenanceHttp(Gate gate, MaintenanceRuns runs, SealPolicies policies, AuditRecorder audit)
{
    [Function("maintenance-start")]
    public async Task<IActionResult> Start(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/maintenance")] HttpRequest request, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<StartBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (body.Value!.Kind is not { } kind || !Enum.IsDefined(kind)) return Problem.BadRequest("maintenance-invalid", "The kind of maintenance is missing or unknown.", "维护类型缺失或无法识别。", "kind");
        var key = IdempotencyKey.IdOf(request, admission.Actor.Subject);
        if (key is not null && await runs.FindByKeyAsync(admission.Institution, key, cancellationToken) is { } known)
        {
            if (known.Kind != kind || (body.Value.Depth ?? known.Depth, body.Value.Algorithm ?? known.Algorithm, body.Value.NewKeys ?? known.NewKeys) != (known.Depth, known.Algorithm, known.NewKeys)) return Problem.KeyReused();

            // Its scheduling may have been lost with the host that answered.
            if (known.State == MaintenanceState.Running) await MaintenanceStarts.ScheduleAsync(client, known, cancellationToken);
            return Answer.Accepted($"/api/maintenance/{known.Id}", known);
        }

        var run = await runs.StartAsync(
            new MaintenanceRequest(admission.Institution, kind, admission.Actor.Subject)
            {
                Key = key,
                Depth = body.Value.Depth ?? VerifyDepth.Deep,
                Algorithm = body.Value.Algorithm ?? await policies.CipherAsync(admission.Institution, cancellationToken),
                NewKeys = body.Value.NewKeys ?? true,
            },
            cancellationToken);
        if (run is null) return Problem.Of(409, "maintenance-active", "Maintenance of this kind is running or paused already.", "同类维护正在运行或已暂停。");
        await MaintenanceStarts.ScheduleAsync(client, run, cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "maintenance.start", run.Id, cancellationToken, detail: kind.ToString());
        return Answer.Accepted($"/api/maintenance/{run.Id}", run);
    }

    [Function("maintenance-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/maintenance")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await runs.ListAsync(admission.Institution, paging.Limit, paging.Next, cancellationToken);
        return paging.List([.. page.Items.Select(item => item.Value)], page.Continuation);
    }

    [Function("maintenance-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/maintenance/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await runs.FindAsync(admission.Institution, id, cancellationToken) is { } stored ? Answer.Json(stored.Value) : Refusals.NotFound();
    }

    [Function("maintenance-pause")]
    public async Task<IActionResult> Pause(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/maintenance/{id}/pause")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await runs.PauseAsync(admission.Institution, id, cancellationToken) is not { } run) return Refusals.NotFound();
        await audit.DoneAsync(admission.Actor, admission.Institution, "maintenance.pause", run.Id, cancellationToken, detail: run.State.ToString());
        return Answer.Json(run);
    }

    [Function("maintenance-resume")]
    public async Task<IActionResult> Resume(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/maintenance/{id}/resume")] HttpRequest request, string id, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await runs.ResumeAsync(admission.Institution, id, cancellationToken) is not { } run) return Refusals.NotFound();

        // A run whose scheduling was lost with the host is scheduled again here too.
        if (run.State == MaintenanceState.Running) await MaintenanceStarts.ScheduleAsync(client, run, cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "maintenance.resume", run.Id, cancellationToken, detail: run.State.ToString());
        return Answer.Json(run);
    }

    private ValueTask<Admission> AdmitAsync(HttpRequest request, CancellationToken cancellationToken) =>
        gate.AdmitAsync(request, AccessAction.MaintenanceManage, ObjectRef.Maintenance(request.Query["institution"] is [{ Length: > 0 and <= 64 } code] ? code : null), cancellationToken);

    private sealed record StartBody(MaintenanceKind? Kind, VerifyDepth? Depth, SealAlgorithm? Algorithm, bool? NewKeys);
}
