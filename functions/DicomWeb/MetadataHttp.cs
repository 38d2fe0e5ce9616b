using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Archive.Series;
using Skylight.Core.Access;
using Skylight.Core.Hosting;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// WADO-RS metadata (PS3.18 §10.4.1.1.2) of a study, series or instance: DICOM JSON of the current revisions, made when they were stored, so that a whole
/// study costs a handful of reads.
/// </summary>
public sealed class MetadataHttp(Gate gate, Retrieval retrieval, StudyReader reader, PublicAddress address)
{
    private const int FlushBytes = 128 * 1024;

    [Function("StudyMetadata")]
    public Task<IActionResult> Study(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/metadata")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        MetadataAsync(request, null, new(study), cancellationToken);

    [Function("SeriesMetadata")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/metadata")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        MetadataAsync(request, null, new(study, series), cancellationToken);

    [Function("InstanceMetadata")]
    public Task<IActionResult> Instance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/metadata")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken) =>
        MetadataAsync(request, null, new(study, series, instance), cancellationToken);

    [Function("InstitutionStudyMetadata")]
    public Task<IActionResult> InstitutionStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/metadata")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        MetadataAsync(request, institution, new(study), cancellationToken);

    [Function("InstitutionSeriesMetadata")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/metadata")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        MetadataAsync(request, institution, new(study, series), cancellationToken);

    [Function("InstitutionInstanceMetadata")]
    public Task<IActionResult> InstitutionInstance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/metadata")] HttpRequest request,
        string institution, string study, string series, string instance, CancellationToken cancellationToken) =>
        MetadataAsync(request, institution, new(study, series, instance), cancellationToken);

    private async Task<IActionResult> MetadataAsync(HttpRequest request, string? institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.StudyRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        if (!Negotiation.AcceptsDicomJson(wishes)) return DicomWebAnswers.NotAcceptable(DicomWebAnswers.DicomJson);
        if (await retrieval.FindStudyAsync(admission.Institution, target, cancellationToken) is not { } study) return Refusals.NotFound();
        var series = Retrieval.Series(study, target).ToList();
        if (target.SopInstanceUid is { } uid && await reader.FindAsync(study, series[0], uid, cancellationToken) is null) return Refusals.NotFound();
        if (DicomWebAnswers.IsNotModified(request, study, "j")) return DicomWebAnswers.NotModified();

        await reader.ProbeMetadataAsync(study, series[0], cancellationToken);
        var urls = DicomWebUrls.Of(address.BaseUrl, institution);
        return Answer.Pipe(DicomWebAnswers.DicomJson, async (output, token) =>
        {
            output.Write("["u8);
            var first = true;
            Func<string, bool>? wanted = target.SopInstanceUid is null ? null : sop => sop == target.SopInstanceUid;
            foreach (var one in series)
            {
                var instances = urls.Series(study.StudyInstanceUid, one.SeriesInstanceUid) + "/instances/";
                first = await reader.WriteMetadataAsync(
                    study, one, wanted, entry => BulkBase(entry, instances),
                    output, first, async t =>
                    {
                        if (output.UnflushedBytes >= FlushBytes) await output.FlushAsync(t);
                    },
                    token);
            }
            output.Write("]"u8);
        });
    }

    /// <summary>Where bulk values can be fetched as they lie in the file: not of deflated or big-endian files; encoded pixel data is fetched by frames.</summary>
    private static string? BulkBase(IndexEntry entry, string instances) =>
        TransferSyntax.Of(entry.TransferSyntaxUid).IsNative ? instances + Uri.EscapeDataString(entry.SopInstanceUid) : null;
}
