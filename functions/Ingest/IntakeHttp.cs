using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Functions.Access;
using Skylight.Functions.DicomWeb;
using Skylight.Functions.Http;

namespace Skylight.Functions.Ingest;

/// <summary>Quarantined and held content of the caller's institution, and the decisions about it. For technicians.</summary>
public sealed class IntakeHttp(Gate gate, IntakeItems items, IntakeService intake, ArchivedStudies archived, AuditRecorder audit)
{
    /// <param name="StudyInstanceUid">For linking a quarantined file: the study that it belongs to.</param>
    /// <param name="PatientId">For reassigning a held study: Patient ID as in (0010,0020), with <paramref name="Assigner"/> as in (0010,0021).</param>
    public sealed record IntakeOrder(string? Note, string? StudyInstanceUid, string? PatientId, string? Assigner);

    public sealed record IntakeView(
        string Id, IntakeKind Kind, IntakeStatus Status, string Code, string Title, string TitleZh, DateTimeOffset CreatedAt, string Source, string? UploadId, string? Name, long? Size,
        string? StudyInstanceUid, string? SeriesInstanceUid, string? SopInstanceUid, string? SopClassUid, PatientView? Patient, IReadOnlyList<string> ReleasedBy, IReadOnlyList<IntakeDecision> Decisions);

    public sealed record PatientView(string? PatientId, string? Assigner, string? Name, string? BirthDate, string? Sex);

    [Function("intake-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/intake")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.IntakeHandle, ObjectRef.Intake(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.StatusOf(request, IntakeStatus.Open) is not { } status) return Problem.UnknownStatus();
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await items.ListAsync(admission.Institution, status, paging.Limit, paging.Next, cancellationToken);
        return paging.List<IntakeView>([.. page.Items.Select(item => View(item.Value))], page.Continuation);
    }

    [Function("intake-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/intake/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.IntakeHandle, ObjectRef.Intake(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await items.GetAsync(admission.Institution, id, cancellationToken) is not { } item) return Refusals.NotFound();

        // The gate's entry cannot name the patient yet; the trail is asked by patient.
        await audit.DoneAsync(admission.Actor, admission.Institution, "intake.read", id, cancellationToken, item.Value.PatientKey, item.Value.StudyKey);
        return Answer.Json(View(item.Value));
    }

    [Function("intake-accept")]
    public Task<IActionResult> Accept([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/intake/{id}/accept")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "intake.accept", id, (institution, by, order) => intake.AcceptAsync(institution, id, by, order.Note, cancellationToken), cancellationToken);

    [Function("intake-link")]
    public Task<IActionResult> Link([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/intake/{id}/link")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "intake.link", id, (institution, by, order) => intake.LinkAsync(institution, id, by, order.Note, order.StudyInstanceUid, cancellationToken), cancellationToken);

    [Function("intake-reassign")]
    public Task<IActionResult> Reassign([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/intake/{id}/reassign")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(
            request,
            "intake.reassign",
            id,
            (institution, by, order) => intake.ReassignAsync(institution, id, by, order.Note, new PatientIdentity { Id = order.PatientId, Issuer = order.Assigner }, cancellationToken),
            cancellationToken);

    [Function("intake-reject")]
    public Task<IActionResult> Reject([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/intake/{id}/reject")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "intake.reject", id, (institution, by, order) => intake.RejectAsync(institution, id, by, order.Note, cancellationToken), cancellationToken);

    private async Task<IActionResult> DecideAsync(
        HttpRequest request, string verb, string id, Func<string, string, IntakeOrder, Task<IntakeResult>> decide, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.IntakeHandle, ObjectRef.Intake(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var order = new IntakeOrder(null, null, null, null);
        if (request.ContentLength is > 0 || request.Headers.TransferEncoding.Count > 0)
        {
            var body = await JsonBody.ReadAsync<IntakeOrder>(request, cancellationToken);
            if (body.Refusal is { } malformed) return malformed;
            order = body.Value!;
        }

        if (order.Note is { Length: > 500 }) return Problem.BadRequest("note-too-long", "A note has at most 500 characters.", "备注最多 500 个字符。", "note");
        var result = await decide(admission.Institution, admission.Actor!.Subject, order);
        if (result is { Refusal: null, Item: { } decided })
            await audit.DoneAsync(admission.Actor, admission.Institution, verb, id, cancellationToken, decided.PatientKey, decided.StudyKey);
        return result.Refusal switch
        {
            null => Answer.Json(View(result.Item!)),
            IntakeRefusal.NotFound => Refusals.NotFound(),
            IntakeRefusal.Archived => await LaterAsync(request, result.Item!, cancellationToken),
            IntakeRefusal.OnHold => Problem.Of(409, "study-on-hold", "The study is on hold; nothing shown of it may change.", "该检查处于保全状态，不得更改。"),
            IntakeRefusal.AlreadyDecided => Problem.Of(409, "already-decided", "The item has been decided already.", "该条目已被处理。"),
            IntakeRefusal.StillUnidentified => Problem.Of(422, "still-unidentified", "The content still cannot be identified.", "内容仍无法识别。"),
            IntakeRefusal.NeedsStudy => Problem.BadRequest("study-missing", "Linking this item needs a Study Instance UID.", "关联该条目需要检查实例 UID。", "studyInstanceUid"),
            IntakeRefusal.NoSuchPatient => Problem.BadRequest("no-such-patient", "The institution has no such patient.", "本机构没有该患者。", "patientId"),
            _ => Problem.Of(409, "not-applicable", "This kind of item has no such decision.", "该类条目不支持此操作。"),
        };
    }

    /// <summary>The decision is recorded; the rehydration that it waits for is started once, and its end carries the decision out.</summary>
    private async Task<IActionResult> LaterAsync(HttpRequest request, IntakeItem item, CancellationToken cancellationToken) =>
        await intake.HolderAsync(item, cancellationToken) is { } holder && await archived.AnswerAsync(request, holder, $"/api/intake/{item.Id}", cancellationToken) is { } later
            ? later
            : Problem.Of(409, "conflict", "The record was changed by somebody else; read it again.", "记录已被他人修改，请重新读取。");

    private static IntakeView View(IntakeItem item) => new(
        item.Id, item.Kind, item.Status, item.Reason.Code, item.Reason.En, item.Reason.Zh, item.CreatedAt, item.Source.Name, item.UploadId, item.Name, item.Bytes?.Length,
        item.StudyInstanceUid, item.SeriesInstanceUid, item.SopInstanceUid, item.SopClassUid,
        item.Patient is { } patient ? new PatientView(patient.Id, patient.Issuer, patient.Name, patient.BirthDate, patient.Sex) : null,
        item.ReleasedBy, item.Decisions);
}
