using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>Deletions of rejection notes about what other deletions hide already: each becomes a deletion like others when those are taken back, and ends when nothing of what it names is hidden.</summary>
internal sealed class CoveredDeletions(
    ICatalog catalog, IDocuments documents, Deletions deletions, StudyContents contents, Refusals refusals, LifecycleOptions options, TimeProvider time)
{
    /// <summary>A note's record is written before its study: one that is newer may still come to hide something.</summary>
    private static readonly TimeSpan s_age = TimeSpan.FromMinutes(5);

    /// <summary>Looks at all of a study. Safe to repeat.</summary>
    public async Task SettleAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var records = await DocumentPages.AllAsync(next => documents.ListAsync<DeletionRecord>(institution, DeletionRecord.Type, $"study:{studyKey}", 200, next, cancellationToken));
        foreach (var stored in records.Where(item => item.Value.Status == DeletionStatus.Covered)) await SettleAsync(stored, cancellationToken);
    }

    /// <summary>Looks at one. A study's change that comes in between is seen the next time: tomorrow, if nothing else asks.</summary>
    public async Task SettleAsync(Stored<DeletionRecord> stored, CancellationToken cancellationToken)
    {
        if (await NextAsync(stored.Value, cancellationToken) is { } next) await deletions.TryPutAsync(stored, next, cancellationToken);
    }

    private async Task<DeletionRecord?> NextAsync(DeletionRecord record, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if ((await catalog.GetStudyByKeyAsync(record.Institution, record.StudyKey, cancellationToken))?.Value is not { } study) return Ended(DeletionStatus.Erased);
        var hides = (await deletions.HiddenByAsync(study, record.Id, cancellationToken)).Select(item => item.Item1).Distinct().Count();
        if (hides > 0)
        {
            // Nobody could bring it back before: the time for that begins now.
            var after = now.AddDays(options.EraseAfterDaysOf(record.Institution));
            return record with { Status = DeletionStatus.Hidden, Instances = hides, EraseAfter = after > record.EraseAfter ? after : record.EraseAfter };
        }

        if (record.At > now - s_age) return null;
        if (record.RejectionNote is not { } uid || await refusals.NoteAsync(study, uid, cancellationToken) is not { } note) return Ended(DeletionStatus.Erased);
        var named = note.Studies.GetValueOrDefault(study.StudyInstanceUid);
        var states = (await contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries).Where(entry => named?.Contains(entry.SopInstanceUid) == true).Select(entry => entry.State).ToHashSet();
        if (!states.Contains(EntryState.Hidden)) return Ended(states.Contains(EntryState.Stored) ? DeletionStatus.Restored : DeletionStatus.Erased);
        return record.EraseAfter > now ? null : record with { EraseAfter = now.AddDays(1) };

        DeletionRecord Ended(DeletionStatus status) => (status == DeletionStatus.Erased ? ErasureTraces.Stripped(record) : record) with { Status = status, EndedAt = now };
    }
}
