using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;

namespace Skylight.Core.Lifecycle;

/// <summary>Shows again what a deletion hid, but for what other rejection notes reject as well.</summary>
internal sealed class DeletionsTakenBack(ICatalog catalog, ICommit commit, IDocuments documents, Deletions deletions, CoveredDeletions covered, InstanceStates states, Refusals refusals)
{
    private const int MaxAttempts = 20;

    /// <summary>Shows what a deletion hid. False when its study is no more, or is being destroyed.</summary>
    public async Task<bool> ShowAsync(DeletionRecord deletion, CancellationToken cancellationToken)
    {
        if (!await HandOverAsync(deletion, cancellationToken)) return false;
        await covered.SettleAsync(deletion.Institution, deletion.StudyKey, cancellationToken);
        return true;
    }

    private async Task<bool> HandOverAsync(DeletionRecord deletion, CancellationToken cancellationToken)
    {
        var (institution, id) = (deletion.Institution, deletion.Id);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, deletion.StudyKey, cancellationToken) is not { Value: { Erasing: null } study }) return false;
            if (deletion.Level == DeletionLevel.Study)
            {
                if (study.Deletion != id) return true;
                var shown = deletions.Announce(study with { Hidden = false, Deletion = null }, StudyEventTypes.Restored, study.Instances());
                if (await commit.CommitAsync(new CommitBatch(StudyChange.Of(study, shown, []), []), cancellationToken) == CommitOutcome.Committed) return true;
                continue;
            }

            var hidden = await deletions.HiddenByAsync(study, id, cancellationToken);
            var lifted = await refusals.LiftAsync(study, deletion, cancellationToken);

            // What another note rejects as well, of whatever study, stays hidden on that note's word.
            var rejected = await RejectedAsync(study, hidden.Select(item => item.Item1).ToHashSet(StringComparer.Ordinal), id, cancellationToken);
            var rows = await refusals.OfAsync(study, rejected, cancellationToken);
            using var change = await states.PrepareAsync(
                study,
                (_, entry) => !hidden.Contains(Deletions.Identity(entry)) ? null
                    : rejected.TryGetValue(entry.SopInstanceUid, out var other) ? entry with { Deletion = other }
                    : entry with { State = EntryState.Stored, Deletion = "" },
                static (entry, row) => entry.State == EntryState.Hidden ? row with { State = InstanceState.Hidden, ItemId = entry.Deletion }
                    : row with { State = entry.Current ? InstanceState.Current : InstanceState.Superseded, ItemId = null },
                cancellationToken);
            if (change is null && lifted.Count == 0) return true;
            var batch = deletions.Batch(study, change, [.. lifted, .. rows.Select(Refusals.Lifted)], StudyEventTypes.Restored, (change?.Count ?? 0) - rejected.Count);
            if (await commit.CommitAsync(batch, cancellationToken) != CommitOutcome.Committed) continue;
            foreach (var other in rejected.Values.CountBy(other => other)) await CountAsync(institution, other.Key, other.Value, cancellationToken);
            return true;
        }

        throw new DocumentConflictException(new DocumentKey(institution, "study", ""));
    }

    /// <summary>What other notes reject of what one deletion has hidden, with the deletion that each stands for; the oldest of several. Asked again with every attempt: a note may come meanwhile.</summary>
    private async Task<Dictionary<string, string>> RejectedAsync(StudyDocument study, HashSet<string> hidden, string id, CancellationToken cancellationToken)
    {
        var rejected = new Dictionary<string, string>(StringComparer.Ordinal);
        if (hidden.Count == 0) return rejected;
        var records = await DocumentPages.AllAsync(next => documents.ListAsync<DeletionRecord>(study.Institution, DeletionRecord.Type, $"study:{study.StudyKey}", 200, next, cancellationToken));
        foreach (var other in records.Select(item => item.Value).Where(other => other is { Status: DeletionStatus.Hidden or DeletionStatus.Covered, RejectionNote: not null } && other.Id != id).OrderBy(other => other.At))
        {
            var note = await refusals.NoteAsync(study, other.RejectionNote!, cancellationToken);
            foreach (var uid in hidden.Where(uid => note?.Studies.GetValueOrDefault(study.StudyInstanceUid)?.Contains(uid) == true)) rejected.TryAdd(uid, other.Id);
        }

        return rejected;
    }

    /// <summary>A deletion hides more than it did; what it says of that is for people. One that was covered is counted when it is settled.</summary>
    private async Task CountAsync(string institution, string id, int more, CancellationToken cancellationToken)
    {
        while (await deletions.GetAsync(institution, id, cancellationToken) is { Value.Status: not DeletionStatus.Covered } stored)
            if (await deletions.TryPutAsync(stored, stored.Value with { Instances = stored.Value.Instances + more }, cancellationToken)) return;
    }
}
