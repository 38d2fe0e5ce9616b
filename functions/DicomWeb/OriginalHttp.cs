using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>The file of an instance exactly as it was received, preamble and all: for comparison and evidence, not for viewing.</summary>
public sealed class OriginalHttp(Gate gate, Retrieval retrieval, InstanceBytes bytes, ArchivedStudies archived)
{
    [Function("OriginalInstance")]
    public async Task<IActionResult> Original(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/series/{series}/instances/{instance}/original")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.OriginalRead, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await retrieval.FindAsync(admission.Institution, new(study, series, instance), cancellationToken) is not { } found) return Refusals.NotFound();
        if (await archived.AnswerAsync(request, null, found.Study, cancellationToken) is { } later) return later;

        var entry = found.Instances[0].Entry;
        await bytes.ProbeAsync(entry, cancellationToken);
        // RFC 9530: the client can see that what it holds is what was received.
        request.HttpContext.Response.Headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(entry.FileSha256)}:";
        return Answer.Stream(
            "application/dicom",
            async (body, token) =>
            {
                var output = PipeWriter.Create(body, new StreamPipeWriterOptions(leaveOpen: true, minimumBufferSize: 64 * 1024));
                await bytes.CopyOriginalAsync(entry, output, token);
                await output.FlushAsync(token);
            },
            length: entry.Length);
    }
}
