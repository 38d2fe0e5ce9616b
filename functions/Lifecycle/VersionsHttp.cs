using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Lifecycle;
using Skylight.Functions.Access;
using Skylight.Functions.DicomWeb;
using Skylight.Functions.Http;

namespace Skylight.Functions.Lifecycle;

/// <summary>The versions of an instance: listed, read as they were received, and made current again.</summary>
public sealed class VersionsHttp(Gate gate, InstanceVersions versions, OriginalFiles files, AuditRecorder audit)
{
    [Function("versions-list")]
    public async Task<IActionResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/series/{series}/instances/{instance}/versions")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.OriginalRead, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        return await versions.ListAsync(admission.Institution, new(study, series, instance), cancellationToken) is { } list ? paging.List(list, null) : Refusals.NotFound();
    }

    [Function("versions-get")]
    public async Task<IActionResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/series/{series}/instances/{instance}/versions/{revision}")] HttpRequest request,
        string study, string series, string instance, string revision, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.OriginalRead, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return Number(revision, out var number) && await versions.FindAsync(admission.Institution, new(study, series, instance), number, cancellationToken) is { } found
            ? await files.AnswerAsync(request, found.Study, found.Entry, cancellationToken)
            : Refusals.NotFound();
    }

    [Function("versions-restore")]
    public async Task<IActionResult> Restore(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/series/{series}/instances/{instance}/versions/{revision}/restore")] HttpRequest request,
        string study, string series, string instance, string revision, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.VersionRestore, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (!Number(revision, out var number)) return Refusals.NotFound();
        var result = await versions.RestoreAsync(admission.Institution, new(study, series, instance), number, cancellationToken);
        switch (result.Outcome)
        {
            case VersionOutcome.Missing:
                return Refusals.NotFound();
            case VersionOutcome.OnHold:
                return Problem.OnHold(result.Hold);
            case VersionOutcome.Current:
                return Problem.Of(409, "version-current", "This version is the current one.", "该版本已是当前版本。");
        }

        await audit.DoneAsync(admission.Actor, admission.Institution, "version.restore", null, cancellationToken, admission.Object.PatientKey, admission.Object.StudyKey, $"revision:{number}");
        return Answer.List((await versions.ListAsync(admission.Institution, new(study, series, instance), cancellationToken)) ?? [], null);
    }

    private static bool Number(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0;
}
