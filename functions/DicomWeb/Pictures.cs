using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Skylight.Archive.Series;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Hosting;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Functions.Access;
using Skylight.Functions.Http;
using Skylight.Imaging;
using Skylight.Imaging.Display;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// Rendered resources (PS3.18 §10.4.1.1.3, §10.4.1.1.4): JPEG by default, PNG where it is wanted more. One picture stands for what it is asked of; several
/// pictures come as multipart/related.
/// </summary>
public sealed class Pictures(Gate gate, Retrieval retrieval, InstancePixels pixels, IOptions<RenderingOptions> options, StudyPreviews previews, ArchivedStudies archived, PublicAddress address)
{
    private const int MaxFrames = 1_000;
    private const string Offers = "image/jpeg, image/png; several as multipart/related; type=\"image/jpeg\" or \"image/png\"";

    /// <summary>A picture that is wanted: of an instance, and of its frame from 0 (null: the representative one).</summary>
    private sealed record Wanted(RetrievedInstance Instance, int? Frame);

    /// <param name="frames">The frame list of the address; null where it names none.</param>
    public async Task<IActionResult> RenderedAsync(HttpRequest request, string? institution, RetrieveTarget target, string? frames, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(
            request, frames is null ? AccessAction.StudyRead : AccessAction.FrameRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await AnswerAsync(request, admission.Institution, institution, target, frames, thumbnail: false, cancellationToken);
    }

    /// <inheritdoc cref="RenderedAsync"/>
    public async Task<IActionResult> ThumbnailAsync(HttpRequest request, string? institution, RetrieveTarget target, string? frames, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.FrameRead, ObjectRef.Study(institution, target.StudyInstanceUid), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await AnswerAsync(request, admission.Institution, institution, target, frames, thumbnail: true, cancellationToken);
    }

    private async Task<IActionResult> AnswerAsync(
        HttpRequest request, string admitted, string? institution, RetrieveTarget target, string? frames, bool thumbnail, CancellationToken cancellationToken)
    {
        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        var query = request.Query;
        if (RenderQuery.Parse(query["viewport"], query["window"], query["quality"], thumbnail, options.Value, out var wrong) is not { } asked)
            return Problem.BadRequest("render-parameter", $"The parameter {wrong} is not what PS3.18 8.3.5 allows, or is out of range.", $"参数 {wrong} 不符合 PS3.18 8.3.5 或超出范围。", wrong!);
        var numbers = frames is null ? null : FrameNumbers.Parse(frames, MaxFrames);
        if (frames is not null && numbers is null) return FrameNumbers.Malformed();
        if (PictureChoice.Of(wishes) is not { } choice) return DicomWebAnswers.NotAcceptable(Offers);
        if (await retrieval.FindAsync(admitted, target, cancellationToken) is not { } found) return Refusals.NotFound();
        if (thumbnail && numbers is null && await PreviewAsync(request, target, found, choice, cancellationToken) is { } preview) return preview;
        if (await archived.AnswerAsync(request, institution, found.Study, cancellationToken) is { } later) return later;
        if (DicomWebAnswers.IsNotModified(request, found.Study, string.Create(CultureInfo.InvariantCulture, $"p{(choice.Multipart ? "m" : "s")}{choice.MediaType}{Stable(request.QueryString.Value):x}"))) return DicomWebAnswers.NotModified();
        // Burnt-in text is not offered: the standard lets it be ignored, but the client is told.
        if (query.ContainsKey("annotation")) request.HttpContext.Response.Headers.Append("Warning", "299 - \"annotation is not burnt in\"");

        var images = found.Instances.Where(i => i.Entry.Frames > 0).ToList();
        if (images.Count == 0) return NotRenderable();
        var many = !thumbnail && (choice.Multipart || (choice.IsOpen && numbers?.Count > 1));
        var wanted = numbers is not null ? numbers.ConvertAll(n => new Wanted(images[0], n - 1))
            : many ? images.ConvertAll(i => new Wanted(i, null))
            : [new Wanted(images[images.Count / 2], null)];
        if (numbers is not null && numbers.Any(n => n > images[0].Entry.Frames)) return Refusals.NotFound();
        if (wanted.Count > 1 && !many) return DicomWebAnswers.NotAcceptable(Offers);
        try
        {
            var first = await RenderAsync(wanted[0], asked, choice, cancellationToken);
            return many ? Several(wanted, first, asked, choice, DicomWebUrls.Of(address.BaseUrl, institution), found) : One(first, choice);
        }
        catch (PixelDataException error) when (error.Code == PixelDataError.BadAttributes && asked.Options.Region is not null)
        {
            return Problem.BadRequest("render-parameter", "The region of the viewport lies outside of the image.", "视口区域位于图像之外。", "viewport");
        }
        catch (PixelDataException)
        {
            return NotRenderable();
        }
    }

    /// <summary>The thumbnail that an archived study keeps, in the size that it was made in; null where there is none of what is asked for.</summary>
    private async ValueTask<IActionResult?> PreviewAsync(HttpRequest request, RetrieveTarget target, Retrieved found, PictureChoice choice, CancellationToken cancellationToken)
    {
        if (found.Study.Tier != StorageTier.Archive || choice is not { MediaType: PictureChoice.Jpeg, Multipart: false }) return null;
        var pictures = await previews.FindAsync(found.Study, found.Instances, cancellationToken);
        if (pictures.Count == 0 || (target.SopInstanceUid is { } uid && pictures[0].Instance.Entry.SopInstanceUid != uid)) return null;
        if (DicomWebAnswers.IsNotModified(request, found.Study, "preview")) return DicomWebAnswers.NotModified();
        return One(pictures[pictures.Count / 2].Jpeg, choice);
    }

    private static IActionResult One(byte[] picture, PictureChoice choice) =>
        Answer.Stream(choice.MediaType, async (body, token) => await body.WriteAsync(picture, token), length: picture.Length);

    private IActionResult Several(List<Wanted> wanted, byte[] first, RenderQuery asked, PictureChoice choice, DicomWebUrls urls, Retrieved found)
    {
        var contentType = MultipartWriter.NewContentType(choice.MediaType, out var boundary);
        return Answer.Stream(contentType, async (body, token) =>
        {
            var output = System.IO.Pipelines.PipeWriter.Create(body, new(leaveOpen: true, minimumBufferSize: 64 * 1024));
            var writer = new MultipartWriter(output, boundary);
            for (var i = 0; i < wanted.Count; i++)
            {
                var (series, entry) = wanted[i].Instance;
                var location = urls.Instance(found.Study.StudyInstanceUid, series.SeriesInstanceUid, entry.SopInstanceUid);
                var frame = wanted[i].Frame is { } n ? string.Create(CultureInfo.InvariantCulture, $"/frames/{n + 1}") : "";
                writer.BeginPart(choice.MediaType, $"{location}{frame}/rendered");
                await output.WriteAsync(i == 0 ? first : await RenderAsync(wanted[i], asked, choice, token), token);
            }
            await writer.CompleteAsync(token);
            await output.FlushAsync(token);
        });
    }

    private async ValueTask<byte[]> RenderAsync(Wanted wanted, RenderQuery asked, PictureChoice choice, CancellationToken cancellationToken)
    {
        var source = await pixels.OpenAsync(wanted.Instance.Entry, cancellationToken);
        var shown = await pixels.RenderAsync(source, wanted.Frame ?? source.RepresentativeFrame, asked.Options, cancellationToken);
        return choice.MediaType == PictureChoice.Png ? shown.ToPng() : shown.ToJpeg(asked.Quality);
    }

    private static Problem NotRenderable() => Problem.Of(406, "not-renderable", "This has no image that can be shown.", "此对象没有可显示的图像。", ("offers", Offers));

    /// <summary>FNV-1a: the same on every instance of the service, unlike the runtime's string hashes.</summary>
    private static ulong Stable(string? text)
    {
        var hash = 14695981039346656037;
        foreach (var c in text ?? "") hash = (hash ^ c) * 1099511628211;
        return hash;
    }
}

/// <summary>The media type in which pictures are answered.</summary>
/// <param name="IsOpen">Anything will do: several pictures may come in parts.</param>
internal sealed record PictureChoice(string MediaType, bool Multipart, bool IsOpen = false)
{
    public const string Jpeg = "image/jpeg", Png = "image/png";

    /// <summary>The most wanted of what is offered; null: 406.</summary>
    public static PictureChoice? Of(IReadOnlyList<MediaRange> wishes)
    {
        foreach (var wish in wishes)
        {
            if (wish.Quality == 0) continue;
            if (wish.Type != "multipart" && TypeOf(wish) is { } single) return new PictureChoice(single, Multipart: false, wish.Type == "*");
            if (!wish.Covers("multipart", "related") || wish.Type == "*") continue;
            if (wish.Parameter("type") is not { } type) return new PictureChoice(Jpeg, Multipart: true);
            if (MediaRange.TryParse(type, out var part) && TypeOf(part) is { } several) return new PictureChoice(several, Multipart: true);
        }
        return null;
    }

    private static string? TypeOf(MediaRange range) => range.Covers("image", "jpeg") ? Jpeg : range.Covers("image", "png") ? Png : null;
}
