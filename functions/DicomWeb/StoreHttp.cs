using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Hosting;
using Skylight.Core.Ingest;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// STOW-RS (PS3.18 §10.5): instances in one multipart/related body, each with its own outcome. What the answer calls stored is durable. A body that breaks
/// off or is no valid multipart stores nothing.
/// </summary>
public sealed class StoreHttp(Gate gate, IngestService ingest, PublicAddress address)
{
    /// <summary>Past this many bytes the answer is 413 and names the upload API, which resumes; 4 GiB. The cloud's own cap is lower.</summary>
    private const long MaxBodyBytes = 4L << 30;

    private static readonly Problem WrongMediaType = Problem.Of(
        415, "media-type-unsupported", "Send multipart/related with type=\"application/dicom\"; every part is one DICOM Part 10 file.",
        "请以 multipart/related（type=\"application/dicom\"）发送，每个部分为一个 DICOM Part 10 文件。");

    [Function("Store")]
    [RequestLimit(MaxBodyBytes)]
    public Task<IActionResult> Store(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "dicomweb/studies")] HttpRequest request, CancellationToken cancellationToken) =>
        StoreAsync(request, null, null, cancellationToken);

    [Function("StoreStudy")]
    [RequestLimit(MaxBodyBytes)]
    public Task<IActionResult> StoreStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "dicomweb/studies/{study}")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        StoreAsync(request, null, study, cancellationToken);

    [Function("InstitutionStore")]
    [RequestLimit(MaxBodyBytes)]
    public Task<IActionResult> InstitutionStore(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "institutions/{institution}/dicomweb/studies")] HttpRequest request,
        string institution, CancellationToken cancellationToken) =>
        StoreAsync(request, institution, null, cancellationToken);

    [Function("InstitutionStoreStudy")]
    [RequestLimit(MaxBodyBytes)]
    public Task<IActionResult> InstitutionStoreStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "institutions/{institution}/dicomweb/studies/{study}")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        StoreAsync(request, institution, study, cancellationToken);

    private async Task<IActionResult> StoreAsync(HttpRequest request, string? institution, string? study, CancellationToken cancellationToken)
    {
        await using var admission = await gate.AdmitOwingAsync(request, AccessAction.StudyStore, ObjectRef.Studies(institution), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        if (!Negotiation.AcceptsDicomJson(wishes)) return DicomWebAnswers.NotAcceptable(DicomWebAnswers.DicomJson);
        if (!MediaRange.TryParse(request.ContentType, out var type) || type.Name != "multipart/related") return WrongMediaType;
        if (type.Parameter("type") is { } partType && !IsDicom(partType)) return WrongMediaType;
        if (type.Parameter("boundary") is not { } boundary) return Malformed("multipart.boundary");

        var source = new IngestSource(admission.Actor.Subject, ingest.TrustOf(admission.Actor.Subject), IngestChannel.Stow);
        await using var batch = ingest.Open(new IngestContext(admission.Institution, source, null)
        {
            StudyInstanceUid = study, BeforeCommit = admission.RecordAsync, MayDelete = () => admission.MayAlso(AccessAction.StudyDelete),
        });
        try
        {
            using var reader = new MultipartReader(request.Body, boundary, new MultipartLimits());
            while (await reader.ReadPartAsync(cancellationToken) is { } part)
            {
                if (part.ContentType is { } content && !IsDicom(content)) return WrongMediaType;
                await batch.AddInstanceAsync(part.Content, new IngestName(part.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)), cancellationToken);
            }
        }
        catch (MultipartFormatException error)
        {
            return Malformed(error.Code);
        }

        var report = await batch.CommitAsync(cancellationToken);
        if (report.Files.Count == 0) return Malformed("multipart.empty");

        // Before the first byte of the answer, also where nothing was committed.
        await admission.RecordAsync([], cancellationToken);
        var receipt = StoreReceipt.Of(report, DicomWebUrls.Of(address.BaseUrl, institution));
        return DicomWebAnswers.Json(receipt.Status, [receipt.Attributes], many: false);
    }

    private static bool IsDicom(string text) => MediaRange.TryParse(text, out var type) && type.Name == "application/dicom";

    private static Problem Malformed(string detail) => Problem.Of(
        400, "multipart-malformed", "The body is not a complete multipart/related message; nothing was stored.", "请求体不是完整的 multipart/related 消息，未保存任何内容。", ("detail", detail));
}
