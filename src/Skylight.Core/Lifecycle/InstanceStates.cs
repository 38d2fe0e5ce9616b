using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>A change of instances' states, ready to be committed: the next study document, its index rows, and the sealed objects that it names.</summary>
internal sealed class StateChange(StudyDocument study, StudyDocument next, IReadOnlyList<InstanceIndexRow> rows, IReadOnlyList<SmallObject> objects, int count) : IDisposable
{
    /// <summary>The next document; a caller may change more of it before it commits.</summary>
    public StudyDocument Next { get; set; } = next;

    /// <summary>The index rows that go with it; a caller may add more.</summary>
    public IReadOnlyList<InstanceIndexRow> Rows { get; set; } = rows;

    /// <summary>Instances (UIDs) that it is about.</summary>
    public int Count => count;

    public CommitBatch Batch => new(StudyChange.Of(study, Next, Rows), objects);

    public void Dispose()
    {
        foreach (var item in objects) item.Dispose();
    }
}

/// <summary>
/// Changes what readers see of a study's revisions without touching a byte of them: each series concerned gets one more delta index, which says the new
/// state of the entries, and the instance index and what searches show of the study follow in the same commit.
/// </summary>
internal sealed class InstanceStates(ICatalog catalog, IObjectStore store, StudyKeys keys, StudyParts parts)
{
    private const int RowsPerRead = 1000;

    /// <summary>What it reads.</summary>
    public StudyContents Contents { get; } = new(store, keys, parts);

    /// <summary>Prepares the change of every entry for which <paramref name="change"/> answers another one; null when there is none.</summary>
    /// <param name="change">The entry as it shall be, or null to leave it as it is.</param>
    /// <param name="row">The row of a changed entry as it shall be.</param>
    public async Task<StateChange?> PrepareAsync(
        StudyDocument study, Func<SeriesRecord, IndexEntry, IndexEntry?> change, Func<IndexEntry, InstanceIndexRow, InstanceIndexRow> row, CancellationToken cancellationToken)
    {
        var objects = new List<SmallObject>();
        var series = new List<SeriesRecord>();
        var changed = new List<IndexEntry>();
        var visible = new List<SeriesEntries>();
        foreach (var (record, entries) in await Contents.EntriesAsync(study, cancellationToken))
        {
            var delta = entries.Select(entry => change(record, entry)).OfType<IndexEntry>().Select(entry => entry with { Commit = IndexEntry.CommitOf(study.Revision + 1, 0), Arrived = entry.Arrival }).ToList();
            if (delta.Count == 0)
            {
                series.Add(record);
                visible.Add(new SeriesEntries(record, [.. new SeriesIndex(entries).Served]));
                continue;
            }

            changed.AddRange(delta);
            var served = SeriesIndex.Merge([new SeriesIndex(entries), new SeriesIndex(delta)]).Served.ToList();
            visible.Add(new SeriesEntries(record, served));
            series.Add(record with
            {
                Parts = [.. record.Parts, await SealAsync(study, delta, objects, cancellationToken)],
                Instances = served.Count,
                Frames = served.Sum(entry => (long)entry.Frames),
            });
        }

        if (changed.Count == 0) return null;
        var identities = changed.Select(Deletions.Identity).ToHashSet();
        var all = visible.SelectMany(item => item.Entries.Select(entry => (item.Series.SeriesKey, Entry: entry))).ToList();
        var facts = Contents.FactsOf(study);
        var next = await ServedAttributes.OfAsync(
            study with { Series = series }, all, all.Where(item => identities.Contains(Deletions.Identity(item.Entry))), (seriesKey, entry) => facts.FindAsync(seriesKey, entry, cancellationToken));
        (next, var manifest) = await parts.SpillAsync(next, keys, SealOptions.Default, cancellationToken);
        if (manifest is not null) objects.Add(manifest);
        return new StateChange(study, next, await RowsAsync(study, changed, row, cancellationToken), objects, changed.Select(entry => entry.SopInstanceUid).Distinct().Count());
    }

    /// <summary>One part without bytes of its own. It lies beside the pack that its first entry names, since a part has one folder.</summary>
    private async Task<SeriesPart> SealAsync(StudyDocument study, List<IndexEntry> delta, List<SmallObject> objects, CancellationToken cancellationToken)
    {
        var pack = delta[0].Pack.Name;
        var (institution, owner) = ObjectName.Owner(pack);
        using var key = await keys.GetOrCreateAsync(institution, owner, cancellationToken);
        var folder = SealedName.Folder(institution, owner);
        var (metadata, metadataObject) = new SeriesMetadataBuilder().Seal(folder, key, SealOptions.Default);
        objects.Add(metadataObject);
        var (index, indexObject) = new SeriesIndex(delta).Seal(folder, key, SealOptions.Default, metadata);
        objects.Add(indexObject);
        return new SeriesPart(Last(pack), Last(index.Name), Last(metadata.Name), delta.Count) { Folder = owner == study.StudyKey ? null : owner };
    }

    private async Task<List<InstanceIndexRow>> RowsAsync(
        StudyDocument study, List<IndexEntry> changed, Func<IndexEntry, InstanceIndexRow, InstanceIndexRow> row, CancellationToken cancellationToken)
    {
        var byUid = changed.ToLookup(entry => entry.SopInstanceUid, StringComparer.Ordinal);
        var rows = new List<InstanceIndexRow>();
        foreach (var uids in byUid.Select(group => group.Key).Chunk(RowsPerRead))
        {
            foreach (var known in await catalog.FindInstancesAsync(study.Institution, uids, cancellationToken))
            {
                if (known.StudyKey != study.StudyKey) continue;
                if (byUid[known.SopInstanceUid].FirstOrDefault(entry => known.SameContent(entry.DatasetDigest, entry.PixelDigest, entry.PixelDigestKind)) is { } entry) rows.Add(row(entry, known));
            }
        }

        return rows;
    }

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];
}
