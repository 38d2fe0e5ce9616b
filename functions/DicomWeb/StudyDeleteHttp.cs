using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>DELETE of a study: it answers as missing from then on. Its bytes stay until retention ends.</summary>
public sealed class StudyDeleteHttp(Gate gate, StudyWithdrawal withdrawal)
{
    [Function("DeleteStudy")]
    public Task<IActionResult> Delete(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "dicomweb/studies/{study}")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        DeleteAsync(request, null, study, cancellationToken);

    [Function("InstitutionDeleteStudy")]
    public Task<IActionResult> InstitutionDelete(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "institutions/{institution}/dicomweb/studies/{study}")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        DeleteAsync(request, institution, study, cancellationToken);

    private async Task<IActionResult> DeleteAsync(HttpRequest request, string? institution, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.StudyDelete, ObjectRef.Study(institution, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await withdrawal.WithdrawAsync(admission.Institution, study, cancellationToken) switch
        {
            WithdrawalOutcome.Withdrawn => Answer.Empty(),
            WithdrawalOutcome.OnHold => Problem.Of(409, "study-on-hold", "The study is on hold; nothing of it may be deleted.", "该检查处于保全状态，不得删除。"),
            _ => Refusals.NotFound(),
        };
    }
}
