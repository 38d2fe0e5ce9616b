using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Lifecycle;

/// <summary>
/// Until when a study is kept: what decides it, the encounter that it counts from, and the holds on it. Of hidden studies too: between a deletion and its erasure a hold
/// is what stops the erasure.
/// </summary>
public sealed class RetentionHttp(Gate gate, ICatalog catalog, Retention retention, StudyHolds holds, HoldReleases releases, AuditRecorder audit, TimeProvider time)
{
    public sealed record RetentionView(string Rule, string Source, EncounterKind Encounter, DateOnly LastVisit, int Years, DateOnly Until, bool Over, bool Hold, IReadOnlyList<StudyHold> Holds);

    /// <param name="LastVisit">Day of the last visit or discharge; null leaves it as it is.</param>
    public sealed record EncounterOrder(EncounterKind? Kind, DateOnly? LastVisit);

    /// <param name="Reference">Number of the case or order: 1 to 100 characters.</param>
    public sealed record HoldOrder(HoldKind? Kind, string? Reference);

    [Function("retention-get")]
    public async Task<IActionResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/retention")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RetentionRead, ObjectRef.KeptStudy(study), cancellationToken);
        return admission.Refusal ?? await ViewAsync(admission, cancellationToken);
    }

    [Function("encounter-put")]
    public async Task<IActionResult> Encounter(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/studies/{study}/encounter")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.HoldManage, ObjectRef.KeptStudy(study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<EncounterOrder>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (body.Value!.Kind is not { } kind || !Enum.IsDefined(kind)) return Problem.BadRequest("kind-missing", "Say which kind of encounter it is.", "请说明就诊类型。", "kind");
        if (body.Value.LastVisit > DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime.AddDays(1)))
            return Problem.BadRequest("visit-in-future", "The last visit lies in the future.", "末次就诊日期不能晚于今天。", "lastVisit");
        if (await holds.SetEncounterAsync(admission.Institution, admission.Object.StudyKey!, kind, body.Value.LastVisit, cancellationToken) is null) return Refusals.NotFound();
        await DoneAsync(admission, "encounter.set", null, cancellationToken, $"kind:{kind}");
        return await ViewAsync(admission, cancellationToken);
    }

    [Function("holds-set")]
    public async Task<IActionResult> Hold(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/holds")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.HoldManage, ObjectRef.KeptStudy(study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<HoldOrder>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (body.Value!.Kind is not { } kind || !Enum.IsDefined(kind)) return Problem.BadRequest("kind-missing", "Say which kind of hold it is.", "请说明保全类型。", "kind");
        if (body.Value.Reference is not { Length: > 0 and <= 100 } reference || reference.Any(char.IsControl))
            return Problem.BadRequest("reference-missing", "A hold names the case or order it rests on (1 to 100 characters).", "保全须注明依据的案号或文号（1 至 100 个字符）。", "reference");
        if (await holds.SetAsync(admission.Institution, admission.Object.StudyKey!, kind, reference, admission.Actor.Subject, IdempotencyKey.IdOf(request, admission.Actor.Subject), cancellationToken) is not { } set) return Refusals.NotFound();
        if (set.Hold is null && set.Study.Erasing is { } erasure)
            return Problem.Of(409, "erasure-under-way", "The study is being destroyed: a hold comes too late.", "该检查正在彻底清除，无法再设置保全。", ("erasure", erasure));
        if (set.Hold is not { } hold) return Problem.Of(409, "too-many-holds", "The study has as many holds as it can have.", "该检查的保全数量已达上限。");
        if ((hold.Kind, hold.Reference) != (kind, reference)) return Problem.KeyReused();
        await DoneAsync(admission, "hold.set", hold.Id, cancellationToken, $"kind:{kind}");
        return Answer.Json(hold, StatusCodes.Status201Created);
    }

    [Function("holds-release")]
    public async Task<IActionResult> Release(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/holds/{id}/release")] HttpRequest request, string study, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.HoldManage, ObjectRef.KeptStudy(study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await releases.ReleaseAsync(admission.Institution, admission.Object.StudyKey!, id, admission.Actor.Subject, cancellationToken) is not { Hold: { } hold, Study: var kept }) return Refusals.NotFound();
        await DoneAsync(admission, "hold.release", id, cancellationToken, $"kind:{hold.Kind}");
        await releases.ApplyWaitingAsync(kept, id, admission.Actor.Subject, cancellationToken);
        return Answer.Json(hold);
    }

    private async Task<IActionResult> ViewAsync(Admission admission, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(admission.Institution, admission.Object.StudyKey!, cancellationToken) is not { Value: var study }) return Refusals.NotFound();
        var verdict = await retention.OfAsync(study, cancellationToken);
        return Answer.Json(new RetentionView(
            verdict.Rule, verdict.Source, study.Order?.Kind ?? EncounterKind.Unknown, verdict.LastVisit, verdict.Years, verdict.Until, verdict.IsOver(time.GetUtcNow()), study.Hold, study.Holds));
    }

    private ValueTask DoneAsync(Admission admission, string action, string? id, CancellationToken cancellationToken, params string[] detail) =>
        audit.DoneAsync(admission.Actor, admission.Institution, action, id, cancellationToken, admission.Object.PatientKey, admission.Object.StudyKey, detail);
}
