using Skylight.Archive.Keys;
using Skylight.Core.Catalog;
using Skylight.Core.Events;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// The stretch of an erasure in which it can be stopped: what is to be erased is hidden and nobody brings it back, and nothing is destroyed. For a whole study it ends with a mark
/// in the study's document (<see cref="StudyDocument.Erasing"/>), for instances with the commit that ends them; both depend on the version of the document that was asked for holds.
/// </summary>
internal sealed class ErasureFreeze(ICatalog catalog, ICommit commit, StudyKeys keys, Deletions deletions, ErasureRequests requests, TimeProvider time)
{
    private const int MaxAttempts = 50;

    /// <summary>The first step, and where an erasure begins again when its study has changed since: hides what is to be erased, or stops.</summary>
    public async Task<ErasureRecord> FreezeAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await StudyAsync(erasure, cancellationToken) is not { } study) return erasure;
            var refusal = await ForbidsAsync(erasure, study, cancellationToken);
            if (erasure.EmptiedFrom is { } level && (refusal is not null || !IsEmpty(study)))
            {
                // Held, or no longer empty: the study stays, and what was asked for is done.
                await ShowAsync(erasure, cancellationToken);
                return erasure with { Level = level, EmptiedFrom = null, Destroying = true, Step = ErasureStep.Objects };
            }

            if (refusal is { } why) return await StopAsync(erasure, why, cancellationToken);
            if (erasure.WaitsForApproval(study)) return await AskAgainAsync(erasure, cancellationToken);
            if (IsWhole(erasure) && study.Hidden && erasure.DeletionId is null && study.Deletion != erasure.Id) erasure = erasure with { DeletionId = study.Deletion };
            if (IsBack(erasure, study) || !await BeginAsync(erasure, cancellationToken)) return await StopAsync(erasure, ErasureRefusal.BroughtBack, cancellationToken);
            if (study.Hidden || erasure.Level != DeletionLevel.Study) return erasure;
            var hidden = study with { Hidden = true, Deletion = erasure.Id };
            if (study.IsVisible()) hidden = Announced(hidden, StudyEventTypes.Deleted);
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Of(study, hidden, []), []), cancellationToken) == CommitOutcome.Committed) return erasure;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    /// <summary>
    /// Marks a whole study for destruction: from then on nothing is added to it, nothing brings it back, and it takes no hold. False when it is not as it was frozen and listed, or must
    /// not be erased any more: then the erasure begins again with <see cref="FreezeAsync"/>, which says why.
    /// </summary>
    public async Task<bool> TryMarkAsync(ErasureRecord erasure, StudyDocument study, CancellationToken cancellationToken)
    {
        if (study.Erasing == erasure.Id) return true;
        if (study.Erasing is not null && !erasure.Again) throw new IOException("Another erasure is destroying this study.");
        if (study.Revision != erasure.StudyRevision || erasure.WaitsForApproval(study) || !await IsFrozenAsync(erasure, study, cancellationToken) || await ForbidsAsync(erasure, study, cancellationToken) is not null) return false;
        return await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { Erasing = erasure.Id }), []), cancellationToken) == CommitOutcome.Committed;
    }

    /// <summary>What forbids to erase this version of a study: a hold, or retention, which may have been prolonged since it was asked.</summary>
    public async ValueTask<ErasureRefusal?> ForbidsAsync(ErasureRecord erasure, StudyDocument study, CancellationToken cancellationToken)
    {
        if (erasure.Again) return null;
        if (erasure.EmptiedFrom is not null) return Deletions.ForbiddenBy(study) is null ? null : ErasureRefusal.OnHold;
        return (await requests.ForbidsAsync(study, erasure.Basis, cancellationToken)).Refusal?.Refusal;
    }

    /// <summary>Ends an erasure that has destroyed nothing: what it hid itself is shown again, and its deletion is a deletion like others. Safe to repeat.</summary>
    public async Task<ErasureRecord> StopAsync(ErasureRecord erasure, ErasureRefusal why, CancellationToken cancellationToken)
    {
        await ShowAsync(erasure, cancellationToken);
        while (erasure.DeletionId is { } id && await deletions.GetAsync(erasure.Institution, id, cancellationToken) is { Value: { Status: DeletionStatus.Erasing } deletion } stored)
        {
            var gone = why == ErasureRefusal.BroughtBack || why == ErasureRefusal.Missing;
            var next = gone ? deletion with { Status = DeletionStatus.Restored, EndedAt = time.GetUtcNow() } : deletion with { Status = DeletionStatus.Hidden };
            if (await deletions.TryPutAsync(stored, next, cancellationToken)) break;
        }

        return erasure with { Status = ErasureStatus.Refused, Refusal = why, DecidedAt = time.GetUtcNow() };
    }

    /// <summary>Nobody knows any more whether a hold forbids it: it is a request again, which a person has to approve, and what it hid itself is shown until then.</summary>
    public async Task<ErasureRecord> AskAgainAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var stopped = await StopAsync(erasure, ErasureRefusal.OnHold, cancellationToken);
        return stopped with { Status = ErasureStatus.Requested, Refusal = null, NeedsApproval = true, DecidedBy = null, DecidedAt = null, Step = ErasureStep.Freeze - 1 };
    }

    /// <summary>The study that is to be erased; null when it is gone, or when another one stands in its place by now.</summary>
    public async ValueTask<StudyDocument?> StudyAsync(ErasureRecord erasure, CancellationToken cancellationToken) =>
        await catalog.GetStudyByKeyAsync(erasure.Institution, erasure.StudyKey, cancellationToken) is { Value: var study }
        && erasure.IsOf(study, await keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken)) ? study : null;

    public static bool IsEmpty(StudyDocument study) => study is { Series.Count: 0, Held: 0 };

    private static bool IsWhole(ErasureRecord erasure) => erasure is { Level: DeletionLevel.Study, EmptiedFrom: null };

    /// <summary>A technician has taken the study in again since it was deleted.</summary>
    private static bool IsBack(ErasureRecord erasure, StudyDocument study) => IsWhole(erasure) && !erasure.Again && erasure.DeletionId is { } id && study.Deletion != id;

    /// <summary>From here on nobody brings it back. False when somebody has, or is about to.</summary>
    private async Task<bool> BeginAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.DeletionId is not { } id || await deletions.GetAsync(erasure.Institution, id, cancellationToken) is not { } stored) return true;
        if (stored.Value.Status != DeletionStatus.Hidden) return erasure.Again || stored.Value.Status is DeletionStatus.Erasing or DeletionStatus.Erased;
        if (!await deletions.TryPutAsync(stored, stored.Value with { Status = DeletionStatus.Erasing }, cancellationToken)) throw new IOException("The deletion was changed meanwhile.");
        return true;
    }

    private async ValueTask<bool> IsFrozenAsync(ErasureRecord erasure, StudyDocument study, CancellationToken cancellationToken)
    {
        if (!study.Hidden) return false;
        if (erasure.Again) return true;
        var by = IsWhole(erasure) && erasure.DeletionId is { } id ? id : erasure.Id;
        if (study.Deletion is not null && study.Deletion != by) return false;
        return erasure.DeletionId is null || await deletions.GetAsync(erasure.Institution, erasure.DeletionId, cancellationToken) is not { Value.Status: not (DeletionStatus.Erasing or DeletionStatus.Erased) };
    }

    /// <summary>Shows a study that only its erasure has hidden.</summary>
    private async Task ShowAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await StudyAsync(erasure, cancellationToken) is not { Hidden: true } study || study.Deletion != erasure.Id) return;
            var shown = study with { Hidden = false, Deletion = null };
            if (shown.IsVisible()) shown = Announced(shown, StudyEventTypes.Restored);
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Of(study, shown, []), []), cancellationToken) == CommitOutcome.Committed) return;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    private StudyDocument Announced(StudyDocument study, string type) =>
        study with { Outbox = [.. study.Outbox, new StudyEvent(StudyClock.NewEventId(), type, time.GetUtcNow(), study.Revision + 1, study.Instances())] };
}
