using System.Buffers;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Studies;
using Skylight.Dicom;

namespace Skylight.Core.Retrieve;

/// <summary>
/// What a study's documents, indexes and metadata say, merged as readers see it: the current revision of every instance. Indexes are immutable objects, so
/// those once read are kept in memory, up to <see cref="MaxCachedEntries"/> entries; a caller has been admitted to the study before anything is looked up.
/// </summary>
public sealed class StudyReader(IObjectStore store, IReadKeys keys, StudyParts parts, ILogger<StudyReader> logger, CorrectionLists? corrections = null)
{
    /// <summary>About 500 bytes each.</summary>
    public const int MaxCachedEntries = 200_000;

    /// <summary>Metadata that is kept, as compressed as it is stored, for whoever opens the same study a moment later: the whole of it is some 150 bytes an instance.</summary>
    private const int MaxMetadataBytes = 16 << 20;

    /// <summary>About what an instance takes of it beside its bytes.</summary>
    private const int MetadataItemBytes = 400;

    private readonly EntryCache<SeriesIndex> _indexes = new(MaxCachedEntries / 2);
    private readonly EntryCache<SeriesView> _views = new(MaxCachedEntries / 2);
    private readonly EntryCache<SeriesMetadata> _metadata = new(MaxMetadataBytes);

    /// <summary>The corrections in force of a study, oldest first.</summary>
    /// <exception cref="SealedObjectException">Their list is damaged.</exception>
    public async ValueTask<IReadOnlyList<Correction>> CorrectionsAsync(StudyDocument study, CancellationToken cancellationToken) =>
        corrections is null || study.Corrections is null ? [] : await Damage.ReportAsync(logger, () => corrections.ReadAsync(study, cancellationToken));

    /// <summary>The served instances of a series, by instance number and then UID.</summary>
    /// <exception cref="SealedObjectException">An index is damaged.</exception>
    /// <exception cref="ObjectMissingException">The document is older than the last compaction: read it again.</exception>
    public async ValueTask<IReadOnlyList<IndexEntry>> ListAsync(StudyDocument study, SeriesRecord series, CancellationToken cancellationToken) =>
        (await ViewAsync(study, series, cancellationToken)).Entries;

    /// <summary>One served instance, or null.</summary>
    /// <inheritdoc cref="ListAsync"/>
    public async ValueTask<IndexEntry?> FindAsync(StudyDocument study, SeriesRecord series, string sopInstanceUid, CancellationToken cancellationToken) =>
        (await ViewAsync(study, series, cancellationToken)).ByUid.GetValueOrDefault(sopInstanceUid);

    /// <summary>Reads what <see cref="WriteMetadataAsync"/> begins with, so that damage or a missing object shows before an answer has begun.</summary>
    /// <inheritdoc cref="ListAsync"/>
    public async ValueTask ProbeMetadataAsync(StudyDocument study, SeriesRecord series, CancellationToken cancellationToken)
    {
        await ListAsync(study, series, cancellationToken);
        if (await parts.ListAsync(study, series.SeriesKey, cancellationToken) is [var first, ..]) await ReadMetadataAsync(study, first, cancellationToken);
    }

    /// <summary>
    /// Writes the DICOM JSON of served instances, separated by commas, part by part. Answers <paramref name="first"/> as it is afterwards.
    /// </summary>
    /// <param name="wanted">Which instances, by UID; null for all.</param>
    /// <param name="bulkBase">Address below which an instance's bulk data lies; null where its bulk values are to be left out.</param>
    /// <param name="first">False when something stands before already, so that a comma is due.</param>
    /// <param name="flush">Called after each block of some 64 KiB.</param>
    public async ValueTask<bool> WriteMetadataAsync(
        StudyDocument study, SeriesRecord series, Func<string, bool>? wanted, Func<IndexEntry, string?> bulkBase, IBufferWriter<byte> destination, bool first,
        Func<CancellationToken, ValueTask> flush, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<string, IndexEntry>(StringComparer.Ordinal);
        foreach (var entry in await ListAsync(study, series, cancellationToken))
        {
            if (wanted is null || wanted(entry.SopInstanceUid)) entries.Add(entry.SopInstanceUid, entry);
        }
        var due = entries.Values.Select(e => new MetadataKey(e.SopInstanceUid, e.Revision)).ToHashSet();
        var laid = await CorrectionsAsync(study, cancellationToken);
        using var rewriter = new MetadataRewriter(destination, uid => bulkBase(entries[uid]));
        foreach (var part in await parts.ListAsync(study, series.SeriesKey, cancellationToken))
        {
            if (due.Count == 0) break;
            var index = await ReadAsync(study, part, cancellationToken);
            if (!index.Entries.Any(e => due.Contains(new MetadataKey(e.SopInstanceUid, e.Revision)))) continue;
            var metadata = await ReadMetadataAsync(study, part, cancellationToken);
            if (laid.Count > 0)
            {
                first = WriteCorrected(metadata, series, due, laid, rewriter, first);
                await flush(cancellationToken);
                continue;
            }

            for (var block = 0; block < metadata.Blocks; block++)
            {
                metadata.WriteBlock(block, rewriter, ref first, key =>
                {
                    if (!due.Remove(key)) return false;
                    rewriter.Announce(key.SopInstanceUid, metadata.LengthOf(key));
                    return true;
                });
                await flush(cancellationToken);
            }
        }
        return due.Count == 0 ? first : throw new SealedObjectException(series.SeriesKey, SealedObjectException.Header, SealedFault.BadContent);
    }

    /// <summary>The stored DICOM JSON of one served instance; null when it is not there.</summary>
    /// <inheritdoc cref="ListAsync"/>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadMetadataAsync(StudyDocument study, SeriesRecord series, IndexEntry entry, CancellationToken cancellationToken)
    {
        var key = new MetadataKey(entry.SopInstanceUid, entry.Revision);
        var json = new ArrayBufferWriter<byte>();
        foreach (var part in await parts.ListAsync(study, series.SeriesKey, cancellationToken))
        {
            var index = await ReadAsync(study, part, cancellationToken);
            if (!index.Entries.Any(e => e.SopInstanceUid == key.SopInstanceUid && e.Revision == key.Revision)) continue;
            var metadata = await ReadMetadataAsync(study, part, cancellationToken);
            if (metadata.TryWrite(key, json)) return Corrected(json.WrittenMemory, series, entry.SopInstanceUid, await CorrectionsAsync(study, cancellationToken));
        }
        return null;
    }

    /// <summary>Document by document: each is parsed, which only a study under correction pays for.</summary>
    private static bool WriteCorrected(
        SeriesMetadata metadata, SeriesRecord series, HashSet<MetadataKey> due, IReadOnlyList<Correction> laid, MetadataRewriter destination, bool first)
    {
        var json = new ArrayBufferWriter<byte>();
        foreach (var key in metadata.Keys)
        {
            if (!due.Remove(key)) continue;
            json.ResetWrittenCount();
            metadata.TryWrite(key, json);
            var corrected = Corrected(json.WrittenMemory, series, key.SopInstanceUid, laid).Span;
            destination.Announce(key.SopInstanceUid, corrected.Length);
            var target = destination.GetSpan(corrected.Length + 1);
            if (!first) target[0] = (byte)',';
            corrected.CopyTo(target[(first ? 0 : 1)..]);
            destination.Advance(corrected.Length + (first ? 0 : 1));
            first = false;
        }

        return first;
    }

    private static ReadOnlyMemory<byte> Corrected(ReadOnlyMemory<byte> json, SeriesRecord series, string sopInstanceUid, IReadOnlyList<Correction> laid)
    {
        var own = laid.Where(item => item.AppliesTo(series.SeriesInstanceUid, sopInstanceUid)).ToArray();
        return own.Length == 0 ? json : DicomJson.ToUtf8(CorrectedDataset.Apply(DicomJson.Read(json.Span), own));
    }

    private async ValueTask<SeriesView> ViewAsync(StudyDocument study, SeriesRecord series, CancellationToken cancellationToken)
    {
        // Every change of a study is a new revision of its document, so a view never goes stale under its name.
        var name = $"{study.Institution}/{study.StudyKey}/{series.SeriesKey}/{study.ETag()}";
        if (_views.Get(name) is { } cached) return cached;
        var deltas = new List<SeriesIndex>();
        foreach (var part in await parts.ListAsync(study, series.SeriesKey, cancellationToken)) deltas.Add(await ReadAsync(study, part, cancellationToken));
        var view = new SeriesView([.. SeriesIndex.Merge(deltas).Served.OrderBy(e => e.InstanceNumber ?? int.MaxValue).ThenBy(e => e.SopInstanceUid, StringComparer.Ordinal)]);
        _views.Put(name, view, view.Entries.Count);
        return view;
    }

    private async ValueTask<SeriesIndex> ReadAsync(StudyDocument study, SeriesPart part, CancellationToken cancellationToken)
    {
        var name = part.ObjectName(study, part.Index);
        if (_indexes.Get(name) is { } cached) return cached;
        var index = await Damage.ReportAsync(logger, () => SeriesIndex.ReadAsync(store, name, keys, cancellationToken));
        _indexes.Put(name, index, index.Entries.Count);
        return index;
    }

    private async ValueTask<SeriesMetadata> ReadMetadataAsync(StudyDocument study, SeriesPart part, CancellationToken cancellationToken)
    {
        var name = part.ObjectName(study, part.Metadata);
        if (_metadata.Get(name) is { } cached) return cached;
        var metadata = await Damage.ReportAsync(logger, () => SeriesMetadata.ReadAsync(store, name, keys, cancellationToken));
        _metadata.Put(name, metadata, metadata.Bytes + (metadata.Count * MetadataItemBytes));
        return metadata;
    }

    private sealed class SeriesView(IReadOnlyList<IndexEntry> entries)
    {
        public IReadOnlyList<IndexEntry> Entries { get; } = entries;

        public Dictionary<string, IndexEntry> ByUid { get; } = entries.ToDictionary(e => e.SopInstanceUid, StringComparer.Ordinal);
    }
}
