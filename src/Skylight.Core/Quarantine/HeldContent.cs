using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;

namespace Skylight.Core.Quarantine;

/// <summary>Finds and changes what a study document holds for an intake item.</summary>
internal sealed class HeldContent(ICatalog catalog, ICommit commit, StudyParts parts, IObjectStore store, IReadKeys keys)
{
    private const int RowsPerRead = 1000;
    private const int MaxAttempts = 50;

    /// <summary>Index entries of the instances that the item holds.</summary>
    public async Task<List<IndexEntry>> EntriesAsync(StudyDocument study, string itemId, CancellationToken cancellationToken)
    {
        var held = new List<IndexEntry>();
        foreach (var series in (await parts.ListAllAsync(study, cancellationToken)).Values)
        {
            foreach (var part in series)
            {
                var index = await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken);
                held.AddRange(index.Entries.Where(entry => entry.State == EntryState.Held));
            }
        }

        var rows = await RowsAsync(study, held.Select(entry => entry.SopInstanceUid), itemId, cancellationToken);
        return held.FindAll(entry => rows.Exists(row => row.SopInstanceUid == entry.SopInstanceUid && row.SameContent(entry.DatasetDigest, entry.PixelDigest, entry.PixelDigestKind)));
    }

    /// <summary>Gives what the item still holds in this document another state, and changes the document with it.</summary>
    public async Task CloseAsync(string institution, string studyKey, string itemId, InstanceState state, Func<StudyDocument, StudyDocument> change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if ((await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } study) return;
            var entries = await EntriesAsync(study, itemId, cancellationToken);
            var rows = await RowsAsync(study, entries.Select(entry => entry.SopInstanceUid), itemId, cancellationToken);
            var next = change(study) with { Held = Math.Max(0, study.Held - rows.Count) };
            if (rows.Count == 0 && next == study) return;
            var closed = rows.ConvertAll(row => row with { State = state });
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Of(study, next, closed), []), cancellationToken) == CommitOutcome.Committed) return;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    private async Task<List<InstanceIndexRow>> RowsAsync(StudyDocument study, IEnumerable<string> sopInstanceUids, string itemId, CancellationToken cancellationToken)
    {
        var rows = new List<InstanceIndexRow>();
        foreach (var uids in sopInstanceUids.Distinct(StringComparer.Ordinal).Chunk(RowsPerRead))
            rows.AddRange((await catalog.FindInstancesAsync(study.Institution, uids, cancellationToken)).Where(row => row.StudyKey == study.StudyKey && row.State == InstanceState.Held && row.ItemId == itemId));
        return rows;
    }
}
