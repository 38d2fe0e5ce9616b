using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Core.Access;
using Skylight.Core.Hosting;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Functions.Access;
using Skylight.Functions.Http;
using Skylight.Imaging;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// WADO-RS frames (PS3.18 §10.4.1.1.6): native frames as little-endian octets, encapsulated ones as stored, decoded or encoded anew as the client accepts
/// them. One frame is one ranged read of its pack.
/// </summary>
public sealed class FramesHttp(Gate gate, Retrieval retrieval, InstanceBytes bytes, NativeFrames native, InstancePixels pixels, ArchivedStudies archived, PublicAddress address)
{
    private const int MaxFrames = 10_000;
    private const string Offers = "multipart/related; type=\"application/octet-stream\" (decoded); transfer-syntax=* or the stored image type as stored; image/jls, image/jp2 or image/dicom-rle without loss; image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50 of 8-bit samples";

    [Function("RetrieveFrames")]
    public Task<IActionResult> Frames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}")] HttpRequest request,
        string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        FramesAsync(request, null, new(study, series, instance), frames, cancellationToken);

    [Function("InstitutionRetrieveFrames")]
    public Task<IActionResult> InstitutionFrames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}")] HttpRequest request,
        string institution, string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        FramesAsync(request, institution, new(study, series, instance), frames, cancellationToken);

    private async Task<IActionResult> FramesAsync(HttpRequest request, string? institution, RetrieveTarget target, string frames, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.FrameRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        if (FrameNumbers.Parse(frames, MaxFrames) is not { } numbers) return FrameNumbers.Malformed();
        var choices = Negotiation.Frames(wishes, single: numbers.Count == 1);
        if (choices.Count == 0) return DicomWebAnswers.NotAcceptable(Offers);
        if (await retrieval.FindAsync(admission.Institution, target, cancellationToken) is not { } found) return Refusals.NotFound();
        if (await archived.AnswerAsync(request, institution, found.Study, cancellationToken) is { } later) return later;
        var entry = found.Instances[0].Entry;
        if (entry.FrameTable.Length == 0) return Refusals.NotFound();

        var table = FrameTable.Parse(entry.FrameTable);
        var isNative = !TransferSyntax.Of(entry.TransferSyntaxUid).IsEncapsulated;
        if (Choose(choices, entry, isNative) is not var (choice, mediaType, syntax)) return DicomWebAnswers.NotAcceptable(Offers);
        var converted = table.Kind == FrameTableKind.Decode && isNative;
        if (table.Kind == FrameTableKind.Decode && !isNative) return DicomWebAnswers.NotAcceptable(Offers);
        if (DicomWebAnswers.IsNotModified(request, found.Study, $"f{choice.Multipart}{syntax}{mediaType}")) return DicomWebAnswers.NotModified();
        var location = DicomWebUrls.Of(address.BaseUrl, institution).Instance(target.StudyInstanceUid, target.SeriesInstanceUid!, target.SopInstanceUid!);
        if (syntax != (isNative ? Negotiation.ExplicitVrLittleEndian : entry.TransferSyntaxUid)) return await RecodedAsync(entry, numbers, choice, syntax, location, cancellationToken);
        if (converted) table = await native.LocateAsync(entry, cancellationToken);
        // Before the answer begins: all of them are there, or it is 404.
        if (numbers.Any(n => n > table.Count || table.GetFrame(n - 1) is null)) return Refusals.NotFound();

        var cursor = bytes.Open();
        request.HttpContext.Response.RegisterForDispose(cursor);
        await bytes.ProbeAsync(cursor, entry, converted ? 0 : table.GetFrame(numbers[0] - 1)!.Ranges[0].Offset, cancellationToken);
        var partType = $"{mediaType}; transfer-syntax={(isNative ? Negotiation.ExplicitVrLittleEndian : entry.TransferSyntaxUid)}";
        if (!choice.Multipart)
            return Answer.Pipe(partType, (output, token) => WriteFrameAsync(cursor, entry, table, numbers[0], converted, output, token), LengthOf(table, numbers[0]));

        var contentType = MultipartWriter.NewContentType(mediaType, out var boundary);
        string Address(int number) => string.Create(CultureInfo.InvariantCulture, $"{location}/frames/{number}");
        return Answer.Pipe(
            contentType,
            async (output, token) =>
            {
                var writer = new MultipartWriter(output, boundary);
                foreach (var number in numbers)
                {
                    writer.BeginPart(partType, Address(number));
                    await WriteFrameAsync(cursor, entry, table, number, converted, output, token);
                }
                await writer.CompleteAsync(token);
            },
            MultipartWriter.Length(boundary, numbers.Select(number => (partType, (string?)Address(number), LengthOf(table, number)))));
    }

    private async Task WriteFrameAsync(PackCursor cursor, IndexEntry entry, FrameTable table, int number, bool converted, PipeWriter output, CancellationToken cancellationToken)
    {
        if (!converted) await bytes.WriteFrameAsync(cursor, entry, table, number - 1, output, cancellationToken);
        else await native.CopyAsync(entry, table.GetFrame(number - 1)!.Ranges[0], output, cancellationToken);
    }

    private static long LengthOf(FrameTable table, int number)
    {
        var frame = table.GetFrame(number - 1)!;
        return frame.BitLength > 0 ? (frame.BitLength + 7) / 8 : frame.Ranges.Sum(range => range.Length);
    }

    /// <summary>Frames decoded, and encoded again where that is asked for. The first one is made before the answer begins: what cannot be decoded is 406.</summary>
    private async Task<IActionResult> RecodedAsync(IndexEntry entry, List<int> numbers, FrameChoice choice, string syntax, string location, CancellationToken cancellationToken)
    {
        PixelSource source;
        try
        {
            source = await pixels.OpenAsync(entry, cancellationToken);
            if (numbers.Any(n => n > source.Frames.Count || source.Frames.GetFrame(n - 1) is null)) return Refusals.NotFound();
            using var first = await pixels.RecodeAsync(source, numbers[0] - 1, syntax, cancellationToken);
        }
        catch (PixelDataException)
        {
            return DicomWebAnswers.NotAcceptable(Offers);
        }

        var mediaType = Negotiation.FrameMediaType(syntax);
        var partType = $"{mediaType}; transfer-syntax={syntax}";
        if (!choice.Multipart) return Answer.Pipe(partType, (output, token) => WriteRecodedAsync(source, numbers[0], syntax, output, token));
        var contentType = MultipartWriter.NewContentType(mediaType, out var boundary);
        return Answer.Pipe(contentType, async (output, token) =>
        {
            var writer = new MultipartWriter(output, boundary);
            foreach (var number in numbers)
            {
                writer.BeginPart(partType, string.Create(CultureInfo.InvariantCulture, $"{location}/frames/{number}"));
                await WriteRecodedAsync(source, number, syntax, output, token);
            }
            await writer.CompleteAsync(token);
        });
    }

    private async Task WriteRecodedAsync(PixelSource source, int number, string syntax, PipeWriter output, CancellationToken cancellationToken)
    {
        using var frame = await pixels.RecodeAsync(source, number - 1, syntax, cancellationToken);
        await output.WriteAsync(frame.Memory, cancellationToken);
    }

    private static (FrameChoice Choice, string MediaType, string TransferSyntax)? Choose(IReadOnlyList<FrameChoice> choices, IndexEntry entry, bool isNative)
    {
        var decodable = InstancePixels.CanDecode(entry);
        foreach (var choice in choices)
        {
            if (Negotiation.DeliverFrames(entry.TransferSyntaxUid, isNative, choice) is { } mediaType)
                return (choice, mediaType, isNative ? Negotiation.ExplicitVrLittleEndian : entry.TransferSyntaxUid);
            if (decodable && Negotiation.RecodeFrames(choice, entry.BitsAllocated) is { } syntax) return (choice, Negotiation.FrameMediaType(syntax), syntax);
        }
        return null;
    }
}
