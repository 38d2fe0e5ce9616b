using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Studies;

namespace Skylight.Core.Tiers;

/// <summary>Whether a study can be read now, and if not, about when.</summary>
/// <param name="Availability">ONLINE, NEARLINE or OFFLINE, as Instance Availability (0008,0056).</param>
/// <param name="ReadyAt">Estimate, UTC; null while nobody has asked for the study, or when it is readable.</param>
public sealed record StudyAvailability(StorageTier Tier, string Availability, bool Readable, DateTimeOffset? RequestedAt, DateTimeOffset? ReadyAt);

/// <summary>
/// Brings archived studies back. A request is recorded once, whoever and how many ask; a timer carries it on until every pack is readable, whatever crashes
/// in between, and then announces <see cref="StudyEventTypes.Ready"/>.
/// </summary>
public sealed class Rehydrations(StudyTiers tiers, IObjectStore store, StudyUse use, IDocuments documents, IOptions<TierOptions> options, ILogger<Rehydrations> logger)
{
    private const string Partition = "platform";
    private const string Type = "rehydration";

    /// <summary>The tier that a rehydrated study comes to: readable, and not the dearest.</summary>
    private const StorageTier Target = StorageTier.Warm;

    private const int AskedAtATime = 8;

    /// <summary>By which the time told is put off at least, when it is over and a pack is still missing.</summary>
    private static readonly TimeSpan s_leastWait = TimeSpan.FromSeconds(10);

    private string Archived => options.Value.ArchiveIsOffline ? "OFFLINE" : "NEARLINE";

    /// <summary>Instance Availability (0008,0056) of a tier.</summary>
    public string AvailabilityOf(StorageTier tier) => tier == StorageTier.Archive ? Archived : "ONLINE";

    public StudyAvailability Of(StudyDocument study) => study.Tier != StorageTier.Archive
        ? new StudyAvailability(study.Tier, "ONLINE", Readable: true, null, null)
        : new StudyAvailability(study.Tier, Archived, Readable: false, study.Rehydration?.RequestedAt, study.Rehydration?.ReadyAt);

    /// <summary>Asks for a study. Starts its rehydration, or answers how the one under way stands; nothing for a study that can be read.</summary>
    public async Task<StudyAvailability> RequestAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        if (study.Tier != StorageTier.Archive) return Of(study);
        if (study.Rehydration is not null) return await RefreshAsync(study, cancellationToken);

        // The record first: after a crash the timer finds it and goes on; one that leads to nothing is removed by it.
        await documents.PutAsync(Key(study.Institution, study.StudyKey), new Record(1, study.Institution, study.StudyKey), Match.Any, [], cancellationToken);
        var now = tiers.Now;
        var asked = await tiers.SetAsync(
            study.Institution,
            study.StudyKey,
            current => current.Tier != StorageTier.Archive || current.Rehydration is not null ? current
                : current with { Rehydration = new StudyRehydration(now, now + options.Value.Rehydration) },
            cancellationToken);
        if (asked is null) return Of(study);
        if (asked.Rehydration is null || asked.Rehydration.RequestedAt != now) return Of(asked);

        // Once more: the timer may have come by between record and document, and removed what led to nothing then.
        await documents.PutAsync(Key(study.Institution, study.StudyKey), new Record(1, study.Institution, study.StudyKey), Match.Any, [], cancellationToken);
        Log.RehydrationStarted(logger, study.Institution, study.StudyKey);
        await StepAsync(study.Institution, study.StudyKey, cancellationToken);
        return Of(await tiers.SetAsync(study.Institution, study.StudyKey, current => current, cancellationToken) ?? asked);
    }

    /// <summary>How a study stands; one whose time has come is looked at, so that nobody waits for the timer.</summary>
    public async Task<StudyAvailability> RefreshAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        if (study is not { Tier: StorageTier.Archive, Rehydration: { } pending } || pending.ReadyAt > tiers.Now) return Of(study);
        await StepAsync(study.Institution, study.StudyKey, cancellationToken);
        return Of(await tiers.SetAsync(study.Institution, study.StudyKey, current => current, cancellationToken) ?? study);
    }

    /// <summary>Carries on every rehydration under way; answers how many studies became readable. Called by a timer; safe at any time, by any number.</summary>
    public async Task<int> AdvanceAsync(CancellationToken cancellationToken)
    {
        var ready = 0;
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<Record>(Partition, Type, term: null, limit: 100, continuation, cancellationToken);
            foreach (var record in page.Items)
            {
                try
                {
                    if (await StepAsync(record.Value.Institution, record.Value.StudyKey, cancellationToken)) ready++;
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    // One without room, or damaged, must not keep the others waiting; the next round tries again.
                    Log.RehydrationFailed(logger, record.Value.Institution, record.Value.StudyKey, error);
                }
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return ready;
    }

    /// <summary>True when the study has just become readable.</summary>
    private async Task<bool> StepAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var study = await tiers.SetAsync(institution, studyKey, current => current, cancellationToken);
        var done = false;
        if (study is { Tier: StorageTier.Archive, Rehydration: { } pending })
        {
            if (!await AreReadableAsync(study, cancellationToken))
            {
                await PutOffAsync(study, pending, cancellationToken);
                return false;
            }

            done = await FinishAsync(institution, studyKey, pending.RequestedAt, cancellationToken);
        }

        await documents.DeleteAsync(Key(institution, studyKey), Match.Any, cancellationToken);
        return done;
    }

    /// <summary>Every pack is asked for before any is waited for: they come back together. Once all are on their way, a round looks no further than the first that is not there yet.</summary>
    private async ValueTask<bool> AreReadableAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var packs = await tiers.PacksAsync(study, cancellationToken);
        var key = Key(study.Institution, study.StudyKey);
        if ((await documents.GetAsync<Record>(key, cancellationToken))?.Value is { Asked: true })
        {
            foreach (var name in packs)
                if (await AskAsync(name, cancellationToken) != Coming.Here) return false;
            return true;
        }

        var states = new ConcurrentBag<Coming>();
        var faults = new ConcurrentBag<Exception>();
        await Parallel.ForEachAsync(packs, new ParallelOptions { MaxDegreeOfParallelism = AskedAtATime, CancellationToken = cancellationToken }, async (name, token) =>
        {
            try
            {
                states.Add(await AskAsync(name, token));
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // The others are asked for all the same.
                faults.Add(error);
            }
        });
        if (faults.TryTake(out var fault)) ExceptionDispatchInfo.Throw(fault);
        if (states.All(state => state == Coming.Here)) return true;
        if (!states.Contains(Coming.Asked)) await documents.PutAsync(key, new Record(1, study.Institution, study.StudyKey) { Asked = true }, Match.Any, [], cancellationToken);
        return false;
    }

    private async ValueTask<Coming> AskAsync(string name, CancellationToken cancellationToken)
    {
        if (await store.GetStatusAsync(name, cancellationToken) is not { Tier: ObjectTier.Archive } status) return Coming.Here;
        return status.Rehydrating ? Coming.OnItsWay : await tiers.MoveAsync(name, StudyTiers.Of(Target), cancellationToken) ? Coming.Here : Coming.Asked;
    }

    /// <summary>Nobody is told a time that is over.</summary>
    private async ValueTask PutOffAsync(StudyDocument study, StudyRehydration pending, CancellationToken cancellationToken)
    {
        if (pending.ReadyAt > tiers.Now) return;
        var later = tiers.Now + TimeSpan.FromTicks(Math.Max(options.Value.Rehydration.Ticks / 10, s_leastWait.Ticks));
        await tiers.SetAsync(
            study.Institution,
            study.StudyKey,
            current => current.Rehydration is { } now && now.ReadyAt <= tiers.Now ? current with { Rehydration = now with { ReadyAt = later } } : current,
            cancellationToken);
    }

    private async Task<bool> FinishAsync(string institution, string studyKey, DateTimeOffset requestedAt, CancellationToken cancellationToken)
    {
        var now = tiers.Now;
        var finished = await tiers.SetAsync(
            institution,
            studyKey,
            current => current is not { Tier: StorageTier.Archive, Rehydration: { } pending } || pending.RequestedAt != requestedAt ? null : current with
            {
                Tier = Target,
                Rehydration = null,
                Outbox = [.. current.Outbox, new StudyEvent(StudyClock.NewEventId(), StudyEventTypes.Ready, now, current.Revision + 1, current.Instances())],
            },
            cancellationToken);
        if (finished is null) return false;

        // It was fetched to be read: the policy lets it be for a while.
        use.Touch(institution, studyKey);
        Log.RehydrationDone(logger, institution, studyKey);
        return true;
    }

    private static DocumentKey Key(string institution, string studyKey) => new(Partition, Type, $"{institution}.{studyKey}");

    /// <param name="V">Version of the record.</param>
    private sealed record Record(int V, string Institution, string StudyKey)
    {
        /// <summary>Every pack was found here, or on its way.</summary>
        public bool Asked { get; init; }
    }

    private enum Coming
    {
        Here,
        OnItsWay,

        /// <summary>Just now, or it could not be asked for yet.</summary>
        Asked,
    }
}
