using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;

namespace Skylight.Core.Lifecycle;

/// <summary>The steps of an erasure that are other ones for single instances and series than for a whole study: the study and its key stay.</summary>
internal sealed class ErasureInstances(
    ICatalog catalog, ICommit commit, InstanceStates states, SeriesMerge merge, Deletions deletions, ErasureTraces traces, ErasedContent erased, ErasureFreeze freeze, ErasureObjects objects,
    TimeProvider time, Rehydrations? rehydrations, ErasureCopies? copies)
{
    private const int MaxAttempts = 50;

    /// <summary>How often what was retired long enough ago is deleted.</summary>
    private static readonly TimeSpan s_retiredRound = TimeSpan.FromHours(1);

    /// <summary>Marks what is to be destroyed, for restores.</summary>
    public async Task<ErasureRecord> MarkAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        // What was marked before it was destroyed is known by its marks.
        if (erasure.Again || await freeze.StudyAsync(erasure, cancellationToken) is not { } left) return erasure;
        var hidden = await deletions.HiddenByAsync(left, erasure.DeletionId!, cancellationToken);
        if (hidden.Count == 0 && await deletions.GetAsync(erasure.Institution, erasure.DeletionId!, cancellationToken) is not { Value.Refused: > 0 })
            return await freeze.StopAsync(erasure, ErasureRefusal.Missing, cancellationToken);
        return await erased.MarkAsync(erasure, left, hidden, cancellationToken);
    }

    /// <summary>
    /// Their entries become deleted ones, which the next step leaves out of the packs. Twice: first the record says so. Null while the study has to be brought back from the
    /// archive for that; until then a hold can stop it. (What a restore has brought back is not served in the meantime.)
    /// </summary>
    public async Task<ErasureRecord?> EndAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await freeze.StudyAsync(erasure, cancellationToken) is not { } study) return erasure;
            if (!erasure.Destroying)
            {
                if (await freeze.ForbidsAsync(erasure, study, cancellationToken) is { } forbids) return await freeze.StopAsync(erasure, forbids, cancellationToken);
                if (erasure.WaitsForApproval(study)) return await freeze.AskAgainAsync(erasure, cancellationToken);
                if (!erasure.Again && rehydrations is not null && study.Tier == StorageTier.Archive && !(await rehydrations.RequestAsync(study, cancellationToken)).Readable) return null;
                return erasure with { Destroying = true, Step = ErasureStep.Catalog - 1 };
            }

            var hidden = await deletions.HiddenByAsync(study, erasure.DeletionId!, cancellationToken);
            if (erasure.Again) hidden.UnionWith(await erased.FindAsync(study, erasure, cancellationToken));
            var items = new HashSet<string>(StringComparer.Ordinal);
            using var change = await states.PrepareAsync(
                study,
                (_, entry) => hidden.Contains(Deletions.Identity(entry)) ? entry with { State = EntryState.Deleted, Current = false, Deletion = "" } : null,
                (_, row) =>
                {
                    if (row is { State: InstanceState.Held, ItemId: { } item }) items.Add(item);
                    return row with { State = InstanceState.Deleted, ItemId = null };
                },
                cancellationToken);
            var freed = await deletions.GetAsync(erasure.Institution, erasure.DeletionId!, cancellationToken) is { Value: var deletion } ? await new Refusals(catalog, states.Contents).LiftAsync(study, deletion, cancellationToken) : [];
            if (change is null && freed.Count == 0) return erasure;
            if (await freeze.ForbidsAsync(erasure, study, cancellationToken) is { } why) return await freeze.StopAsync(erasure, why, cancellationToken);
            if (copies is not null) await copies.WriteAsync(await erased.WithMarksAsync(erasure, cancellationToken), cancellationToken);
            if (change is not null)
            {
                // A thumbnail may show what is erased; the orphan sweep finds the object if a crash keeps it, but not a copy of it alone.
                if (study.Preview is { } shown) await objects.DeleteCopyAsync(shown, cancellationToken);
                (change.Rows, change.Next) = ([.. change.Rows, .. freed], change.Next with { Preview = null, Held = Math.Max(0, change.Next.Held - items.Count) });
            }

            var batch = change?.Batch ?? new CommitBatch(StudyChange.Of(study, study, freed), []);
            if (await commit.CommitAsync(batch, cancellationToken) != CommitOutcome.Committed) continue;
            if (change is not null && study.Preview is { } preview) await objects.DeleteAsync(preview, cancellationToken);

            // Held in the restored moment, and taken in and erased since.
            foreach (var item in items) await traces.RemoveItemAsync(erasure.Institution, item, cancellationToken);
            return change is null || erasure.Again ? erasure : erasure with { Instances = change.Count };
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    /// <summary>Leaves the deleted entries out of the packs. Null while they cannot be dropped because their study is on its way out of the archive.</summary>
    public async Task<ErasureRecord?> DropAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        // First of all: where second copies are out of reach, nothing is written anew until they are there.
        await objects.DeleteDamagedAsync(erasure, cancellationToken);

        // What is replaced is deleted when nobody can be reading it any more, a day later.
        var replaced = await merge.DropAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        if (replaced is null && rehydrations is not null && await freeze.StudyAsync(erasure, cancellationToken) is { } archived && (await rehydrations.RequestAsync(archived, cancellationToken)).Readable)
            replaced = await merge.DropAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        if (replaced is null) return null;

        // On a host at rest nobody reads what was replaced.
        if (rehydrations is null)
            foreach (var name in replaced) await objects.DeleteAsync(name, cancellationToken);
        await objects.DeleteDamagedAsync(erasure, cancellationToken);
        var emptied = await freeze.StudyAsync(erasure, cancellationToken) is { } left && ErasureFreeze.IsEmpty(left);

        // Nothing is left of the study but its name: it goes whole, from the first step on.
        return emptied ? erasure with { Level = DeletionLevel.Study, EmptiedFrom = erasure.Level, Destroying = false, Step = ErasureStep.Freeze - 1 }
            : erasure with { Objects = replaced.Count, BytesGoneBy = rehydrations is null ? null : time.GetUtcNow() + RetiredObjects.Grace + s_retiredRound };
    }
}
