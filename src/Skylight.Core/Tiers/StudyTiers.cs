using Microsoft.Extensions.Logging;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Rendering;
using Skylight.Core.Studies;

namespace Skylight.Core.Tiers;

/// <summary>How a move of one study ended.</summary>
public enum TierMove
{
    /// <summary>Every pack is in the tier, and the document says so.</summary>
    Done,

    /// <summary>Some pack cannot be moved yet: it is still in the journal, or on its way out of the archive. The same call later goes on.</summary>
    Waiting,

    /// <summary>There is no such study, or it was read in the meantime.</summary>
    Skipped,
}

/// <summary>
/// Moves the packs of a study between tiers; indexes, metadata and manifest stay hot, so that search and browsing work in every tier. The document names the
/// tier first: from then on readers of an archived study are told to wait, whichever of its packs have gone already. Every step may be repeated, and a
/// repetition finishes what a crash broke off.
/// </summary>
/// <param name="previews">Makes the thumbnails that an archived study keeps; null for none.</param>
public sealed class StudyTiers(ICatalog catalog, ICommit commit, StudyParts parts, IObjectStore store, TimeProvider time, ILogger<StudyTiers> logger,
    StudyPreviews? previews = null)
{
    private const int Attempts = 20;

    public static ObjectTier Of(StorageTier tier) => tier switch
    {
        StorageTier.Hot => ObjectTier.Hot,
        StorageTier.Warm => ObjectTier.Cool,
        StorageTier.Cold => ObjectTier.Cold,
        _ => ObjectTier.Archive,
    };

    /// <summary>Brings a study to a tier. Out of the archive only <see cref="Rehydrations"/> leads.</summary>
    /// <exception cref="StorageFullException">The tier has no room; the study is readable as before.</exception>
    public async Task<TierMove> MoveAsync(string institution, string studyKey, StorageTier tier, CancellationToken cancellationToken)
    {
        // Its thumbnails are drawn while its pixels are at hand.
        if (tier == StorageTier.Archive && previews is not null) await previews.MakeAsync(institution, studyKey, cancellationToken);
        if (await SetAsync(institution, studyKey, study => study.Tier == StorageTier.Archive && tier != StorageTier.Archive ? null : study with { Tier = tier }, cancellationToken) is not { } study)
            return TierMove.Skipped;
        var waiting = 0;
        foreach (var name in await PacksAsync(study, cancellationToken))
            if (!await MoveAsync(name, Of(tier), cancellationToken)) waiting++;
        if (waiting > 0) return TierMove.Waiting;

        // What arrived since is in no tier's list yet: the mark is as old as the document that the packs were taken from.
        await SetAsync(institution, studyKey, current => current.Tier == tier ? current with { TierAt = study.ReceivedAt } : null, cancellationToken);
        Log.TierReached(logger, institution, studyKey, tier);
        return TierMove.Done;
    }

    /// <summary>
    /// Brings packs of a study that were written anew, and are hot, to its tier. What cannot be moved now is left to the next sweep, which takes it up because the document has no
    /// <see cref="StudyDocument.TierAt"/>. Safe to repeat.
    /// </summary>
    public async Task FollowAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { Tier: not StorageTier.Hot and var tier, TierAt: null, Rehydration: null } study }) return;
        try
        {
            foreach (var name in await PacksAsync(study, cancellationToken))
            {
                // One that a sweep has taken further meanwhile stays where it is.
                if (await store.GetStatusAsync(name, cancellationToken) is { Tier: ObjectTier.Hot } && !await MoveAsync(name, Of(tier), cancellationToken)) return;
            }

            await SetAsync(institution, studyKey, current => current.Tier == tier && current.TierAt is null ? current with { TierAt = study.ReceivedAt } : null, cancellationToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // No room, or a store that is away: it can be read where it is.
            Log.NotFollowed(logger, institution, studyKey, error);
        }
    }

    /// <summary>Names of all packs that a study's parts lie in, each once.</summary>
    internal async ValueTask<IReadOnlyList<string>> PacksAsync(StudyDocument study, CancellationToken cancellationToken) =>
        [.. (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list).Select(part => part.ObjectName(study, part.Pack)).Distinct(StringComparer.Ordinal)];

    /// <summary>Moves one pack and looks that it has arrived whole. False when it has to wait.</summary>
    internal async ValueTask<bool> MoveAsync(string name, ObjectTier tier, CancellationToken cancellationToken)
    {
        // A pack that a merge or an erasure has taken away needs no tier.
        if (await store.GetStatusAsync(name, cancellationToken) is not { } before) return true;
        if (before.Tier == tier) return true;
        try
        {
            await store.SetTierAsync(name, tier, cancellationToken);
        }
        catch (ObjectBusyException)
        {
            return false;
        }
        catch (ObjectMissingException)
        {
            return true;
        }

        if (await store.GetStatusAsync(name, cancellationToken) is not { } after) return true;
        if (after.Length != before.Length) throw new InvalidDataException("A pack has another length after its move.");
        return after.Tier == tier;
    }

    /// <summary>Changes a study document under its ETag. Null when there is no such study or <paramref name="change"/> declines; the document as it then is.</summary>
    internal async Task<StudyDocument?> SetAsync(string institution, string studyKey, Func<StudyDocument, StudyDocument?> change, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var study }) return null;
            if (change(study) is not { } next) return null;
            if (next == study) return study;
            var step = StudyChange.Keeping(study, next);
            if (await commit.CommitAsync(new CommitBatch(step, []), cancellationToken) == CommitOutcome.Committed) return step.Document;
        }

        throw new IOException("The study was changed by others at every attempt to set its tier.");
    }

    internal DateTimeOffset Now => time.GetUtcNow();
}
