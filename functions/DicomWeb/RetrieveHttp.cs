using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Core.Access;
using Skylight.Core.Hosting;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Functions.Access;
using Skylight.Functions.Http;
using Skylight.Imaging;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// WADO-RS for whole instances (PS3.18 §10.4): a study, a series or an instance as multipart/related, one instance also alone. Streamed from the packs; a
/// damaged object ends the answer before any wrong byte, and a client that goes away stops the work.
/// </summary>
public sealed class RetrieveHttp(Gate gate, Retrieval retrieval, InstanceBytes bytes, InstancePixels pixels, DecodedInstances decoded, ArchivedStudies archived, PublicAddress address)
{
    private const string Offers = "multipart/related; type=\"application/dicom\" with transfer-syntax 1.2.840.10008.1.2.1 (where the pixels can be decoded), * or the stored one; application/dicom for one instance";

    [Function("RetrieveStudy")]
    public Task<IActionResult> Study(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        RetrieveAsync(request, null, new(study), cancellationToken);

    [Function("RetrieveSeries")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        RetrieveAsync(request, null, new(study, series), cancellationToken);

    [Function("RetrieveInstance")]
    public Task<IActionResult> Instance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken) =>
        RetrieveAsync(request, null, new(study, series, instance), cancellationToken);

    [Function("InstitutionRetrieveStudy")]
    public Task<IActionResult> InstitutionStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        RetrieveAsync(request, institution, new(study), cancellationToken);

    [Function("InstitutionRetrieveSeries")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        RetrieveAsync(request, institution, new(study, series), cancellationToken);

    [Function("InstitutionRetrieveInstance")]
    public Task<IActionResult> InstitutionInstance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}")] HttpRequest request,
        string institution, string study, string series, string instance, CancellationToken cancellationToken) =>
        RetrieveAsync(request, institution, new(study, series, instance), cancellationToken);

    private async Task<IActionResult> RetrieveAsync(HttpRequest request, string? institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.StudyRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        var choices = Negotiation.Instances(wishes, single: target.SopInstanceUid is not null);
        if (choices.Count == 0) return DicomWebAnswers.NotAcceptable(Offers);
        if (await retrieval.FindAsync(admission.Institution, target, cancellationToken) is not { } found) return Refusals.NotFound();
        if (await archived.AnswerAsync(request, institution, found.Study, cancellationToken) is { } later) return later;
        if (await ChooseAsync(choices, found, cancellationToken) is not { } choice) return DicomWebAnswers.NotAcceptable(Offers);
        if (DicomWebAnswers.IsNotModified(request, found.Study, (choice.Multipart ? "m" : "s") + choice.TransferSyntax)) return DicomWebAnswers.NotModified();

        var cursor = bytes.Open();
        request.HttpContext.Response.RegisterForDispose(cursor);
        await bytes.ProbeAsync(cursor, found.Instances[0].Entry, 0, cancellationToken);
        return choice.Multipart ? Multipart(found, choice, cursor, DicomWebUrls.Of(address.BaseUrl, institution)) : Single(found, choice, cursor);
    }

    private IActionResult Multipart(Retrieved found, InstanceChoice choice, PackCursor cursor, DicomWebUrls urls)
    {
        var contentType = MultipartWriter.NewContentType("application/dicom", out var boundary);
        string PartType(RetrievedInstance instance) => $"application/dicom; transfer-syntax={Deliver(instance.Entry, choice)}";
        string Address(RetrievedInstance instance) => urls.Instance(found.Study.StudyInstanceUid, instance.Series.SeriesInstanceUid, instance.Entry.SopInstanceUid);
        var lengths = found.Instances.Select(instance => LengthOf(found, instance, choice)).ToArray();
        long? length = lengths.Contains(null) ? null : MultipartWriter.Length(
            boundary, found.Instances.Zip(lengths, (instance, bytes) => (PartType(instance), (string?)Address(instance), bytes!.Value)));
        return Answer.Pipe(
            contentType,
            async (output, cancellationToken) =>
            {
                var writer = new MultipartWriter(output, boundary);
                foreach (var instance in found.Instances)
                {
                    writer.BeginPart(PartType(instance), Address(instance));
                    await WriteAsync(found, instance, choice, cursor, output, cancellationToken);
                }
                await writer.CompleteAsync(cancellationToken);
            },
            length);
    }

    private IActionResult Single(Retrieved found, InstanceChoice choice, PackCursor cursor) => Answer.Pipe(
        $"application/dicom; transfer-syntax={Deliver(found.Instances[0].Entry, choice)}",
        (output, cancellationToken) => WriteAsync(found, found.Instances[0], choice, cursor, output, cancellationToken),
        LengthOf(found, found.Instances[0], choice));

    /// <summary>Bytes of an instance as it goes out; null where it is made on the way.</summary>
    private static long? LengthOf(Retrieved found, RetrievedInstance instance, InstanceChoice choice)
    {
        var syntax = Deliver(instance.Entry, choice)!;
        return IsDecoded(instance.Entry, syntax) || found.CorrectionsOf(instance).Count > 0 ? null : InstanceBytes.LengthOf(instance.Entry, syntax);
    }

    private async Task WriteAsync(Retrieved found, RetrievedInstance instance, InstanceChoice choice, PackCursor cursor, PipeWriter output, CancellationToken cancellationToken)
    {
        var corrections = found.CorrectionsOf(instance);
        if (corrections.Count == 0) await WriteAsync(instance.Entry, choice, cursor, output, cancellationToken);
        else await CorrectedFile.WriteAsync(uncorrected => WriteAsync(instance.Entry, choice, cursor, uncorrected, cancellationToken), output, corrections, cancellationToken);
    }

    private async Task WriteAsync(IndexEntry entry, InstanceChoice choice, PackCursor cursor, PipeWriter output, CancellationToken cancellationToken)
    {
        var syntax = Deliver(entry, choice)!;
        if (IsDecoded(entry, syntax)) await decoded.WriteAsync(await pixels.OpenAsync(entry, cancellationToken), output, cancellationToken);
        else await bytes.WriteAsync(cursor, entry, syntax, output, cancellationToken);
    }

    /// <summary>The first choice that every instance can be given in: an answer never leaves instances out silently.</summary>
    private async ValueTask<InstanceChoice?> ChooseAsync(IReadOnlyList<InstanceChoice> choices, Retrieved found, CancellationToken cancellationToken)
    {
        foreach (var choice in choices)
        {
            if (found.Instances.All(i => Deliver(i.Entry, choice) is not null) && await IsDecodableAsync(found.Instances[0].Entry, choice, cancellationToken)) return choice;
        }
        return null;
    }

    /// <summary>The first instance tells before the answer begins; a later one that turns out to be damaged cuts it.</summary>
    private async ValueTask<bool> IsDecodableAsync(IndexEntry entry, InstanceChoice choice, CancellationToken cancellationToken)
    {
        if (!IsDecoded(entry, Deliver(entry, choice)!)) return true;
        try
        {
            await decoded.ProbeAsync(await pixels.OpenAsync(entry, cancellationToken), cancellationToken);
            return true;
        }
        catch (PixelDataException)
        {
            return false;
        }
    }

    private static bool IsDecoded(IndexEntry entry, string syntax) => syntax == Negotiation.ExplicitVrLittleEndian && TransferSyntax.Of(entry.TransferSyntaxUid).IsEncapsulated;

    private static string? Deliver(IndexEntry entry, InstanceChoice choice) => Negotiation.Deliver(
        entry.TransferSyntaxUid, !TransferSyntax.Of(entry.TransferSyntaxUid).IsEncapsulated || InstancePixels.CanDecode(entry), choice.TransferSyntax);
}
