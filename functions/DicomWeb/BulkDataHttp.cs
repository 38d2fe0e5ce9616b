using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>The bulk values that metadata refers to (PS3.18 §10.4.1.1.5), as octets. Only ranges that the instance's own metadata names are given out.</summary>
public sealed class BulkDataHttp(Gate gate, Retrieval retrieval, StudyReader reader, InstanceBytes bytes, ArchivedStudies archived)
{
    private const string OctetStream = "application/octet-stream";

    [Function("RetrieveBulkData")]
    public Task<IActionResult> BulkData(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/bulkdata/{range}")] HttpRequest request,
        string study, string series, string instance, string range, CancellationToken cancellationToken) =>
        BulkDataAsync(request, null, new(study, series, instance), range, cancellationToken);

    [Function("InstitutionRetrieveBulkData")]
    public Task<IActionResult> InstitutionBulkData(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/bulkdata/{range}")] HttpRequest request,
        string institution, string study, string series, string instance, string range, CancellationToken cancellationToken) =>
        BulkDataAsync(request, institution, new(study, series, instance), range, cancellationToken);

    private async Task<IActionResult> BulkDataAsync(HttpRequest request, string? institution, RetrieveTarget target, string range, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.FrameRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        if (!TryRange(range, out var offset, out var length)) return Refusals.NotFound();
        if (await retrieval.FindAsync(admission.Institution, target, cancellationToken) is not { } found) return Refusals.NotFound();
        if (await archived.AnswerAsync(request, institution, found.Study, cancellationToken) is { } later) return later;
        var (series, entry) = found.Instances[0];
        if (!TransferSyntax.Of(entry.TransferSyntaxUid).IsNative || offset + length > entry.Length) return Refusals.NotFound();
        if (await reader.ReadMetadataAsync(found.Study, series, entry, cancellationToken) is not { } metadata
            || metadata.Span.IndexOf(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"bulk/{offset}-{length}\""))) < 0)
            return Refusals.NotFound();
        var choices = Negotiation.Frames(wishes, single: true);
        var fitting = choices.Where(c => Negotiation.DeliverFrames(entry.TransferSyntaxUid, native: true, c) is not null).ToList();
        if (fitting.Count == 0) return DicomWebAnswers.NotAcceptable("application/octet-stream, alone or in multipart/related");

        var cursor = bytes.Open();
        request.HttpContext.Response.RegisterForDispose(cursor);
        await bytes.ProbeAsync(cursor, entry, offset, cancellationToken);
        if (fitting[0] is not { Multipart: true, MediaType: not "*/*" })
            return Answer.Pipe(OctetStream, (output, token) => bytes.CopyRangeAsync(cursor, entry, offset, length, output, token), length);

        var contentType = MultipartWriter.NewContentType(OctetStream, out var boundary);
        return Answer.Pipe(
            contentType,
            async (output, token) =>
            {
                var writer = new MultipartWriter(output, boundary);
                writer.BeginPart(OctetStream, null);
                await bytes.CopyRangeAsync(cursor, entry, offset, length, output, token);
                await writer.CompleteAsync(token);
            },
            MultipartWriter.Length(boundary, [(OctetStream, null, length)]));
    }

    private static bool TryRange(string range, out long offset, out long length)
    {
        length = 0;
        var dash = range.IndexOf('-', StringComparison.Ordinal);
        return long.TryParse(range.AsSpan(0, Math.Max(dash, 0)), NumberStyles.None, CultureInfo.InvariantCulture, out offset)
            & (dash > 0 && long.TryParse(range.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length))
            && offset <= long.MaxValue / 2 && length <= long.MaxValue / 2;
    }
}
