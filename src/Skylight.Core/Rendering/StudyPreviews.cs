using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Imaging;
using Skylight.Imaging.Display;

namespace Skylight.Core.Rendering;

/// <summary>
/// Thumbnails that a study keeps while its pixels are archived: one picture a series, in one sealed object beside its packs, which stays hot. Made before the study goes to the
/// archive; a study whose pixels are at hand has none, since its thumbnails are drawn when they are asked for.
/// </summary>
public sealed class StudyPreviews(
    ICatalog catalog, ICommit commit, StudyReader reader, InstancePixels pixels, IObjectStore store, StudyKeys keys, RetiredObjects retired, IOptions<RenderingOptions> options,
    ILogger<StudyPreviews> logger)
{
    private const int MaxAttempts = 20, MaxSeries = 200, MaxCached = 200;

    /// <summary>By object name: the object never changes under it.</summary>
    private readonly ConcurrentDictionary<string, Content> _cache = new(StringComparer.Ordinal);

    /// <summary>Pictures that stand for a study's series, as far as they show what is served now. Empty for a study that keeps none.</summary>
    /// <param name="served">What the reader may be shown.</param>
    public async ValueTask<IReadOnlyList<(RetrievedInstance Instance, byte[] Jpeg)>> FindAsync(StudyDocument study, IReadOnlyList<RetrievedInstance> served, CancellationToken cancellationToken)
    {
        if (study.Preview is null) return [];
        var pictures = (await ReadAsync(study.Preview, cancellationToken)).Pictures.ToDictionary(picture => picture.SopInstanceUid, StringComparer.Ordinal);
        return [.. served.Where(item => pictures.TryGetValue(item.Entry.SopInstanceUid, out var picture) && picture.Revision == item.Entry.Revision)
            .Select(item => (item, pictures[item.Entry.SopInstanceUid].Jpeg))];
    }

    /// <summary>Makes the pictures of a study that are not there yet. Nothing for one that is gone, or of which nothing can be shown. Safe to repeat.</summary>
    public async Task MakeAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var study } || !study.IsVisible()) return;
            var known = study.Preview is { } name ? (await ReadAsync(name, cancellationToken)).Pictures : [];
            var pictures = new List<Picture>();
            foreach (var series in study.Series.Where(series => series.Instances > 0).Take(MaxSeries))
                if (await PictureAsync(study, series, known, cancellationToken) is { } picture) pictures.Add(picture);
            if (pictures.Count == known.Count && pictures.All(known.Contains)) return;
            using var key = await keys.GetCurrentAsync(institution, studyKey, cancellationToken);
            using var made = SealedObjectWriter.Seal(
                SealedName.Folder(institution, studyKey), key, SealedType.Preview, SealOptions.Default, JsonSerializer.SerializeToUtf8Bytes(new Content(1, pictures), DocumentJson.Options)).Object;
            if (study.Preview is { } old) await retired.AddAsync(institution, studyKey, [old], cancellationToken);
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { Preview = made.Name }), [made]), cancellationToken) == CommitOutcome.Committed) return;
        }
    }

    /// <summary>The picture of the instance in the middle of a series: the one that is kept, while its instance is served, or a new one.</summary>
    private async Task<Picture?> PictureAsync(StudyDocument study, SeriesRecord series, IReadOnlyList<Picture> known, CancellationToken cancellationToken)
    {
        var images = (await reader.ListAsync(study, series, cancellationToken)).Where(entry => entry.Frames > 0).ToList();
        if (known.FirstOrDefault(picture => images.Any(entry => entry.SopInstanceUid == picture.SopInstanceUid && entry.Revision == picture.Revision)) is { } kept) return kept;
        if (images.Count == 0) return null;
        var middle = images[images.Count / 2];
        try
        {
            var source = await pixels.OpenAsync(middle, cancellationToken);
            var how = new RenderOptions { MaxWidth = options.Value.ThumbnailPixels, MaxHeight = options.Value.ThumbnailPixels, Enlarge = false };
            var shown = await pixels.RenderAsync(source, source.RepresentativeFrame, how, cancellationToken);
            return new Picture(middle.SopInstanceUid, middle.Revision, shown.ToJpeg(options.Value.JpegQuality));
        }
        catch (Exception error) when (error is PixelDataException or ObjectArchivedException or SealedObjectException or ObjectMissingException)
        {
            // Without a picture the series is archived all the same; its thumbnail is drawn when the pixels are back.
            Log.NoPreview(logger, study.Institution, study.StudyKey, error.GetType().Name);
            return null;
        }
    }

    private async ValueTask<Content> ReadAsync(string name, CancellationToken cancellationToken)
    {
        if (_cache.TryGetValue(name, out var known)) return known;
        var bytes = await SealedObjectReader.ReadAllAsync(store, name, SealedType.Preview, keys, cancellationToken);
        var content = JsonSerializer.Deserialize<Content>(bytes, DocumentJson.Options) ?? throw new InvalidDataException("A preview is empty.");
        if (_cache.Count >= MaxCached) _cache.Clear();
        _cache[name] = content;
        return content;
    }

    private sealed record Content(int V, IReadOnlyList<Picture> Pictures);

    private sealed record Picture(string SopInstanceUid, int Revision, byte[] Jpeg);
}
