using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Dicom;

namespace Skylight.Core.Studies;

/// <summary>All entries of one series, merged: in order of arrival.</summary>
internal sealed record SeriesEntries(SeriesRecord Series, IReadOnlyList<IndexEntry> Entries);

/// <summary>
/// What the indexes and metadata of a study say, held and hidden revisions included. Both lie in the hot tier, so it works for an archived study too.
/// </summary>
internal sealed class StudyContents(IObjectStore store, IReadKeys keys, StudyParts parts)
{
    /// <summary>All entries of all series.</summary>
    public async Task<IReadOnlyList<SeriesEntries>> EntriesAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var all = await parts.ListAllAsync(study, cancellationToken);
        var found = new List<SeriesEntries>();
        foreach (var series in study.Series)
        {
            var deltas = new List<SeriesIndex>();
            foreach (var part in all[series.SeriesKey]) deltas.Add(await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken));
            found.Add(new SeriesEntries(series, deltas.Count == 0 ? [] : SeriesIndex.Merge(deltas).Entries));
        }

        return found;
    }

    /// <summary>Facts of single entries.</summary>
    public FactsOnDemand FactsOf(StudyDocument study) => new(study, store, keys, parts);

    /// <summary>Facts of entries as ingest had them, by their place in <paramref name="wanted"/>; those without a document are left out.</summary>
    public async Task<IReadOnlyList<(IndexEntry Entry, InstanceFacts Facts)>> FactsAsync(StudyDocument study, string seriesKey, IReadOnlyList<IndexEntry> wanted, CancellationToken cancellationToken)
    {
        var due = wanted.Select(Key).ToHashSet();
        var facts = new Dictionary<MetadataKey, DicomDataset>();
        var json = new ArrayBufferWriter<byte>();
        foreach (var part in await parts.ListAsync(study, seriesKey, cancellationToken))
        {
            if (due.Count == 0) break;
            var metadata = await SeriesMetadata.ReadAsync(store, part.ObjectName(study, part.Metadata), keys, cancellationToken);
            foreach (var key in metadata.Keys)
            {
                if (!due.Remove(key)) continue;
                json.ResetWrittenCount();
                if (metadata.TryWrite(key, json)) facts[key] = DicomJson.Read(json.WrittenSpan);
            }
        }

        return [.. wanted.Where(entry => facts.ContainsKey(Key(entry))).Select(entry => (entry, InstanceFactsReader.Of(entry, facts[Key(entry)])))];
    }

    /// <summary>Rejection notes that the study has, hidden ones too.</summary>
    public async Task<IReadOnlyList<RejectionNote>> NotesAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var notes = new List<RejectionNote>();
        foreach (var (series, entries) in await EntriesAsync(study, cancellationToken))
        {
            var found = entries.Where(entry => entry is { SopClassUid: RejectionNote.KeyObjectSelection, State: EntryState.Stored or EntryState.Hidden, Current: true }).ToList();
            if (found.Count > 0) notes.AddRange((await FactsAsync(study, series.SeriesKey, found, cancellationToken)).Select(item => item.Facts.Rejection).OfType<RejectionNote>());
        }

        return notes;
    }

    private static MetadataKey Key(IndexEntry entry) => new(entry.SopInstanceUid, entry.Revision);
}
