using System.IO.Compression;
using System.Text.Json;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Studies;

/// <summary>
/// The parts of a series wherever they are listed. A study that has grown too long for its document keeps its older parts in a sealed manifest beside
/// its objects; the document then names the manifest, and its own lists continue it.
/// </summary>
public sealed class StudyParts(IObjectStore store, IReadKeys keys)
{
    /// <summary>Parts move to the manifest when the document grows past this; the rest of the 256 KB is for the outbox and for series to come.</summary>
    private const int SpillBytes = 160 * 1024;

    /// <summary>Below these the document cannot reach <see cref="SpillBytes"/>, and is not measured.</summary>
    private const int FewPartBytes = 96 * 1024;
    private const int FewSeries = 60;

    /// <summary>The same of the first copies alone, where there are second ones.</summary>
    internal StudyParts OfFirstCopies() => new(MirroredObjectStore.FirstOf(store), keys);

    /// <summary>All parts of one series in order of commit.</summary>
    /// <exception cref="SealedObjectException">The manifest is damaged.</exception>
    /// <exception cref="ObjectMissingException">The manifest was replaced in the meantime: read the study again.</exception>
    public async ValueTask<IReadOnlyList<SeriesPart>> ListAsync(StudyDocument study, string seriesKey, CancellationToken cancellationToken)
    {
        var series = study.Series.FirstOrDefault(item => item.SeriesKey == seriesKey);
        if (series is null) return [];
        if (series.PartsInManifest == 0) return series.Parts;
        var manifest = await ReadAsync(study, cancellationToken);
        return manifest.Series.TryGetValue(seriesKey, out var older) ? [.. older, .. series.Parts] : series.Parts;
    }

    /// <summary>All parts of all series, with one read of the manifest.</summary>
    /// <inheritdoc cref="ListAsync"/>
    public async ValueTask<IReadOnlyDictionary<string, IReadOnlyList<SeriesPart>>> ListAllAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var manifest = study.Manifest is null ? new StudyManifest() : await ReadAsync(study, cancellationToken);
        return study.Series.ToDictionary(
            series => series.SeriesKey,
            series => manifest.Series.TryGetValue(series.SeriesKey, out var older) ? (IReadOnlyList<SeriesPart>)[.. older, .. series.Parts] : series.Parts,
            StringComparer.Ordinal);
    }

    /// <summary>Moves the part lists to a new manifest when the document has grown too large. The object travels in the commit of the document.</summary>
    internal async ValueTask<(StudyDocument Study, SmallObject? Manifest)> SpillAsync(StudyDocument study, StudyKeys studyKeys, SealOptions options, CancellationToken cancellationToken)
    {
        if (study.Series.Count < FewSeries && study.Series.Sum(series => series.Parts.Sum(WireBytes)) < FewPartBytes) return (study, null);
        if (JsonSerializer.SerializeToUtf8Bytes(study, DocumentJson.Options).Length < SpillBytes) return (study, null);
        var all = await ListAllAsync(study, cancellationToken);
        var json = JsonSerializer.SerializeToUtf8Bytes(new StudyManifest { Series = all }, DocumentJson.Options);
        using var key = await studyKeys.GetOrCreateAsync(study.Institution, study.StudyKey, cancellationToken);
        var (reference, sealedObject) = SealedObjectWriter.Seal(SealedName.Folder(study.Institution, study.StudyKey), key, SealedType.Manifest, options, Compress(json));
        var spilled = study with
        {
            Manifest = reference.Name,
            Series = [.. study.Series.Select(series => series with { Parts = [], PartsInManifest = all[series.SeriesKey].Count })],
        };
        return (spilled, sealedObject);
    }

    /// <summary>About what a part takes in the document: its names, and 80 bytes around them.</summary>
    private static int WireBytes(SeriesPart part) => part.Pack.Length + part.Index.Length + part.Metadata.Length + (part.Folder?.Length ?? 0) + 80;

    private async ValueTask<StudyManifest> ReadAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var bytes = await SealedObjectReader.ReadAllAsync(store, study.Manifest!, SealedType.Manifest, keys, cancellationToken);
        using var json = new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress);
        return await JsonSerializer.DeserializeAsync<StudyManifest>(json, DocumentJson.Options, cancellationToken) ?? throw new InvalidDataException("A study manifest is empty.");
    }

    private static byte[] Compress(byte[] json)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true)) brotli.Write(json);
        return packed.ToArray();
    }

    private sealed record StudyManifest
    {
        public int V { get; init; } = 1;

        public IReadOnlyDictionary<string, IReadOnlyList<SeriesPart>> Series { get; init; } = new Dictionary<string, IReadOnlyList<SeriesPart>>();
    }
}
