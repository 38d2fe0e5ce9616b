using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;

namespace Skylight.Functions.DicomWeb;

/// <summary>The file of an instance exactly as it was received, preamble and all: for comparison and evidence, not for viewing.</summary>
public sealed class OriginalHttp(Gate gate, Retrieval retrieval, OriginalFiles files)
{
    [Function("OriginalInstance")]
    public async Task<IActionResult> Original(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/series/{series}/instances/{instance}/original")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.OriginalRead, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await retrieval.FindAsync(admission.Institution, new(study, series, instance), cancellationToken) is { } found
            ? await files.AnswerAsync(request, found.Study, found.Instances[0].Entry, cancellationToken)
            : Refusals.NotFound();
    }
}
