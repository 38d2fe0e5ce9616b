using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// DELETE of a study, a series or an instance: it answers as missing from then on, and can be brought back until it is erased. The query parameter
/// <c>reason</c> says why (<see cref="DeletionReason"/>); the answer's Location is the deletion's record.
/// </summary>
public sealed class DeleteHttp(Gate gate, Deletions deletions, AuditRecorder audit)
{
    [Function("DeleteStudy")]
    public Task<IActionResult> Study(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "dicomweb/studies/{study}")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        DeleteAsync(request, null, new(study), cancellationToken);

    [Function("DeleteSeries")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "dicomweb/studies/{study}/series/{series}")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        DeleteAsync(request, null, new(study, series), cancellationToken);

    [Function("DeleteInstance")]
    public Task<IActionResult> Instance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken) =>
        DeleteAsync(request, null, new(study, series, instance), cancellationToken);

    [Function("InstitutionDeleteStudy")]
    public Task<IActionResult> InstitutionStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "institutions/{institution}/dicomweb/studies/{study}")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        DeleteAsync(request, institution, new(study), cancellationToken);

    [Function("InstitutionDeleteSeries")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        DeleteAsync(request, institution, new(study, series), cancellationToken);

    [Function("InstitutionDeleteInstance")]
    public Task<IActionResult> InstitutionInstance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}")] HttpRequest request,
        string institution, string study, string series, string instance, CancellationToken cancellationToken) =>
        DeleteAsync(request, institution, new(study, series, instance), cancellationToken);

    private async Task<IActionResult> DeleteAsync(HttpRequest request, string? institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.StudyDelete, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var reason = DeletionReason.Unspecified;
        if (request.Query["reason"] is [{ Length: > 0 } given] && (!Enum.TryParse(given, ignoreCase: true, out reason) || !Enum.IsDefined(reason) || char.IsAsciiDigit(given[0])))
            return Problem.BadRequest("unknown-reason", "There is no such reason.", "没有该原因。", "reason");

        var result = await deletions.DeleteAsync(admission.Institution, target, reason, admission.Actor.Subject, cancellationToken);
        switch (result.Outcome)
        {
            case DeletionOutcome.OnHold:
                return Problem.OnHold(result.Hold);
            case DeletionOutcome.Retained:
                return Problem.Retained(result.Retention!);
            case DeletionOutcome.Missing:
                return Refusals.NotFound();
        }

        var record = result.Record!;
        await audit.DoneAsync(
            admission.Actor, admission.Institution, "deletion.hide", record.Id, cancellationToken, record.PatientKey, record.StudyKey, $"level:{record.Level}", $"reason:{record.Reason}");
        request.HttpContext.Response.Headers.Location = $"/api/deletions/{record.Id}";
        return Answer.Empty();
    }
}
