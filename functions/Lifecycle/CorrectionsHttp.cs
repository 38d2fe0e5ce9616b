using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Lifecycle;

/// <summary>Corrections of attributes: previewed, proposed, approved by medical records, undone.</summary>
public sealed class CorrectionsHttp(Gate gate, CorrectionService corrections, AuditRecorder audit)
{
    /// <param name="Values">New values by keyword or tag; an empty text empties the attribute.</param>
    public sealed record CorrectionBody(
        CorrectionScope? Scope, string? SeriesInstanceUid, string? SopInstanceUid, CorrectionReason? Reason, string? Source, IReadOnlyDictionary<string, string>? Values);

    public sealed record PreviewView(IReadOnlyList<CorrectionChange> Changes);

    public sealed record ProposalView(string Id, CorrectionStatus Status, IReadOnlyList<CorrectionChange>? Changes);

    /// <summary>With <c>?preview=true</c> nothing is recorded.</summary>
    [Function("corrections-propose")]
    public async Task<IActionResult> Propose(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/corrections")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.CorrectionPropose, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<CorrectionBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (body.Value is not { Values: { Count: > 0 and <= 32 } values } given || values.Values.Any(value => value is null))
            return Problem.BadRequest("values-missing", "Say which attributes are to be corrected (1 to 32).", "请给出要更正的属性（1 至 32 项）。", "values");
        if (given.Source is { Length: > 64 }) return Problem.BadRequest("source-too-long", "A source has at most 64 characters.", "来源最多 64 个字符。", "source");
        var order = new CorrectionOrder(given.Scope ?? CorrectionScope.Study, given.SeriesInstanceUid, given.SopInstanceUid, given.Reason ?? CorrectionReason.Correct, given.Source, values);
        var preview = request.Query["preview"] is ["true"];
        var result = preview
            ? await corrections.PreviewAsync(admission.Institution, admission.Object.StudyKey!, order, cancellationToken)
            : await corrections.ProposeAsync(admission.Institution, admission.Object.StudyKey!, order, admission.Actor.Subject, IdempotencyKey.IdOf(request, admission.Actor.Subject), cancellationToken);
        if (Refused(result) is { } refused) return refused;
        if (preview) return Answer.Json(new PreviewView(result.Changes!));
        await DoneAsync(admission, "correction.propose", result.Record!, cancellationToken);
        return Answer.Accepted($"/api/corrections/{result.Record!.Correction.Id}", new ProposalView(result.Record.Correction.Id, result.Record.Status, result.Changes));
    }

    [Function("corrections-of-study")]
    public async Task<IActionResult> OfStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/corrections")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.CorrectionPropose, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await corrections.ListAsync(admission.Institution, admission.Object.StudyKey!, null, paging.Limit, paging.Next, cancellationToken);
        return paging.List<CorrectionRecord>([.. page.Items.Select(item => item.Value)], page.Continuation);
    }

    [Function("corrections-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/corrections")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.CorrectionDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.StatusOf(request, CorrectionStatus.Proposed) is not { } status) return Problem.UnknownStatus();
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await corrections.ListAsync(admission.Institution, null, status, paging.Limit, paging.Next, cancellationToken);
        return paging.List<CorrectionRecord>([.. page.Items.Select(item => item.Value)], page.Continuation);
    }

    [Function("corrections-approve")]
    public Task<IActionResult> Approve(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/corrections/{id}/approve")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "correction.approve", (institution, by) => corrections.ApproveAsync(institution, id, by, cancellationToken), cancellationToken);

    [Function("corrections-refuse")]
    public Task<IActionResult> Refuse(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/corrections/{id}/refuse")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "correction.refuse", (institution, by) => corrections.RefuseAsync(institution, id, by, cancellationToken), cancellationToken);

    [Function("corrections-undo")]
    public Task<IActionResult> Undo(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/corrections/{id}/undo")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        DecideAsync(request, "correction.undo", (institution, by) => corrections.UndoAsync(institution, id, by, cancellationToken), cancellationToken);

    private async Task<IActionResult> DecideAsync(HttpRequest request, string verb, Func<string, string, Task<CorrectionResult>> decide, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.CorrectionDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var result = await decide(admission.Institution, admission.Actor.Subject);
        if (Refused(result) is { } refused) return refused;
        await DoneAsync(admission, verb, result.Record!, cancellationToken);
        return Answer.Json(result.Record);
    }

    private ValueTask DoneAsync(Admission admission, string verb, CorrectionRecord record, CancellationToken cancellationToken) =>
        audit.DoneAsync(
            admission.Actor, admission.Institution, verb, record.Correction.Id, cancellationToken, record.PatientKey, record.StudyKey,
            [$"scope:{record.Correction.Scope}", .. record.Correction.Values.Keys.Select(tag => $"tag:{tag}")]);

    private static IActionResult? Refused(CorrectionResult result) => result.Refusal switch
    {
        null => null,
        CorrectionRefusal.Missing => Refusals.NotFound(),
        CorrectionRefusal.OnHold => Problem.OnHold(result.Hold),
        CorrectionRefusal.NotCorrectable => Problem.Of(422, "not-correctable", "This attribute may not be corrected, or not in this scope.", "该属性不可更正，或不能在此范围内更正。", ("attribute", result.Detail)),
        CorrectionRefusal.BadValue => Problem.Of(422, "value-invalid", "A value does not have the form that its attribute asks for.", "属性值的格式不正确。", ("attribute", result.Detail)),
        CorrectionRefusal.SamePerson => Problem.Of(403, "second-person-needed", "Whoever asked for it cannot approve it.", "申请人不能审批自己的申请。"),
        CorrectionRefusal.KeyReused => Problem.KeyReused(),
        CorrectionRefusal.TooMany => Problem.Of(409, "too-many-corrections", "The study has as many corrections as it can have.", "该检查的更正数量已达上限。"),
        _ => Problem.Of(409, "already-decided", "It has been decided already.", "该申请已被处理。"),
    };
}
