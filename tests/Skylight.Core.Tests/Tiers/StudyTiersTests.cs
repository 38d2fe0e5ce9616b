using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;

namespace Skylight.Core.Tests.Tiers;

/// <summary>Moves and rehydrations over a real folder store, and what they leave when they are broken off at any step.</summary>
public sealed class StudyTiersTests : IAsyncLifetime
{
    private readonly FailingStore _failing = new();
    private readonly IngestBench _bench;
    private readonly TierOptions _options = new() { RehydrationMinutes = 60 };

    public StudyTiersTests() => _bench = new IngestBench(wrapStore: _failing.Around, wrapCommit: commit => new FailingCommit(commit, _failing));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Move_ThroughTheTiers_MovesPacksOnly_AndReadsTheSameUntilArchived()
    {
        var study = await SendAsync(3);
        var entries = await _bench.Entries(study);
        var bytes = await BytesAsync(entries);
        foreach (var tier in new[] { StorageTier.Warm, StorageTier.Cold })
        {
            Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, tier, default));
            Assert.Equal(tier, (await _bench.Study()).Tier);
            Assert.All(await StatusAsync(".pack"), status => Assert.Equal(StudyTiers.Of(tier), status.Tier));
            Assert.Equal(bytes, await BytesAsync(entries));
        }

        Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
        Assert.All(await StatusAsync(".pack"), status => Assert.Equal(ObjectTier.Archive, status.Tier));
        Assert.All(await StatusAsync(".index", ".metadata"), status => Assert.Equal(ObjectTier.Hot, status.Tier));
        await Assert.ThrowsAsync<ObjectArchivedException>(async () => await BytesAsync(entries));
        Assert.Equal(3, (await _bench.Entries(await _bench.Study())).Count);

        // Only a rehydration leads out of the archive.
        Assert.Equal(TierMove.Skipped, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Warm, default));
        Assert.Equal(TierMove.Skipped, await Tiers().MoveAsync(IngestBench.A, "nothing", StorageTier.Warm, default));
    }

    [Fact]
    public async Task MoveAndRehydrate_BrokenOffAtEveryStep_EndsRight_AndAnnouncesOnce()
    {
        var study = await SendAsync(3);
        var entries = await _bench.Entries(study);
        var bytes = await BytesAsync(entries);
        var steps = 0;
        for (var at = 0; ; at++, steps++)
        {
            var crashed = await CrashAtAsync(at, () => Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
            Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
            Assert.Equal(StorageTier.Archive, (await _bench.Study()).Tier);
            Assert.All(await StatusAsync(".pack"), status => Assert.Equal(ObjectTier.Archive, status.Tier));

            var archived = await _bench.Study();
            var crashedBack = await CrashAtAsync(at, async () => { await Rehydrations().RequestAsync(archived, default); return TierMove.Done; });

            // Whoever asks again, and the timer, carry it on.
            await Rehydrations().RequestAsync(await _bench.Study(), default);
            await Rehydrations().AdvanceAsync(default);
            var ready = await _bench.Study();
            Assert.Equal(StorageTier.Warm, ready.Tier);
            Assert.Null(ready.Rehydration);
            Assert.Equal(bytes, await BytesAsync(entries));
            Assert.Single(ready.Outbox, item => item.Type == StudyEventTypes.Ready);
            await ClearOutboxAsync(ready);
            if (!crashed && !crashedBack) break;
        }

        Assert.InRange(steps, 4, 60);
    }

    [Fact]
    public async Task Request_AskedByMany_StartsOnce_AndTellsOneTime()
    {
        var study = await ArchivedAsync();
        _failing.Delay = true;
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Rehydrations().RequestAsync(study, default))));
        Assert.All(answers, answer => Assert.Equal((false, "NEARLINE", _bench.Time.GetUtcNow().AddMinutes(60)), (answer.Readable, answer.Availability, answer.ReadyAt!.Value)));
        Assert.Equal(0, await Rehydrations().AdvanceAsync(default));

        _failing.Delay = false;
        Assert.Equal(1, await Rehydrations().AdvanceAsync(default));
        Assert.Equal(0, await Rehydrations().AdvanceAsync(default));
        Assert.True((await Rehydrations().RequestAsync(await _bench.Study(), default)).Readable);
        Assert.Single((await _bench.Study()).Outbox, item => item.Type == StudyEventTypes.Ready);
    }

    [Fact]
    public async Task Request_OfAStudyOfManyPacks_AsksForAllAtOnce_AndIsReadyAfterOneDelay()
    {
        await using var bench = new IngestBench(rehydrationSeconds: 3600);
        var study = await ArchivedAsync(bench, packs: 12);
        await Rehydrations(bench).RequestAsync(study, default);
        Assert.Equal(Enumerable.Repeat(true, 12), (await StatusAsync(bench, ".pack")).Select(status => status.Rehydrating));
        bench.Time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(0, await Rehydrations(bench).AdvanceAsync(default));
        bench.Time.Advance(TimeSpan.FromMinutes(31));
        Assert.Equal(1, await Rehydrations(bench).AdvanceAsync(default));
        Assert.Equal(StorageTier.Warm, (await bench.Study()).Tier);
        Assert.All(await StatusAsync(bench, ".pack"), status => Assert.Equal(ObjectTier.Cool, status.Tier));
    }

    [Fact]
    public async Task Request_OfWhichOnePackCannotBeAskedFor_AsksForTheOthers_AndForItLater()
    {
        await using var bench = new IngestBench(rehydrationSeconds: 3600, wrapStore: _failing.Around);
        var study = await ArchivedAsync(bench, packs: 4);
        _failing.Broken = (await bench.Objects()).First(name => name.EndsWith(".pack", StringComparison.Ordinal));
        await Assert.ThrowsAsync<IOException>(() => Rehydrations(bench).RequestAsync(study, default));
        await Rehydrations(bench).AdvanceAsync(default);
        _failing.Broken = null;
        Assert.Equal(3, (await StatusAsync(bench, ".pack")).Count(status => status.Rehydrating));
        await Rehydrations(bench).AdvanceAsync(default);
        Assert.Equal(4, (await StatusAsync(bench, ".pack")).Count(status => status.Rehydrating));
        bench.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, await Rehydrations(bench).AdvanceAsync(default));
    }

    [Fact]
    public async Task ReadyAt_WhenItIsOverAndAPackIsStillMissing_IsPutOff()
    {
        await using var bench = new IngestBench(rehydrationSeconds: 2 * 3600);
        var study = await ArchivedAsync(bench, packs: 2);
        var told = (await Rehydrations(bench).RequestAsync(study, default)).ReadyAt!.Value;
        bench.Time.Advance(TimeSpan.FromMinutes(61));
        Assert.True(told < bench.Time.GetUtcNow());
        var later = (await Rehydrations(bench).RequestAsync(await bench.Study(), default)).ReadyAt!.Value;
        Assert.Equal(bench.Time.GetUtcNow().AddMinutes(6), later);
        Assert.Equal(later, Rehydrations(bench).Of(await bench.Study()).ReadyAt);
        Assert.Equal((await bench.Study()).Rehydration!.RequestedAt, told.AddMinutes(-60));

        // Until then nothing is written again.
        bench.Time.Advance(TimeSpan.FromMinutes(1));
        await Rehydrations(bench).AdvanceAsync(default);
        Assert.Equal(later, (await bench.Study()).Rehydration!.ReadyAt);
        bench.Time.Advance(TimeSpan.FromMinutes(60));
        Assert.Equal(1, await Rehydrations(bench).AdvanceAsync(default));
    }

    [Fact]
    public async Task Advance_WithAStudyThatFails_CarriesTheOthersOn()
    {
        await _bench.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1").Set(0x00100020, "LO", "P2"));
        var first = await ArchivedAsync();
        var second = await _bench.Study("1.2.4");
        Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, second.StudyKey, StorageTier.Archive, default));
        _failing.Delay = true;
        foreach (var study in new[] { first, await _bench.Study("1.2.4") }) await Rehydrations().RequestAsync(study, default);
        _failing.Delay = false;
        foreach (var (broken, whole) in new[] { (first, "1.2.4"), (second, "1.2.3") })
        {
            _failing.Broken = broken.StudyKey;
            await Rehydrations().AdvanceAsync(default);
            if (broken == first) Assert.Equal(StorageTier.Archive, (await _bench.Study()).Tier);
            Assert.Equal(StorageTier.Warm, (await _bench.Study(whole)).Tier);
        }
    }

    [Fact]
    public async Task Request_WhoseRecordTheTimerTookAway_IsCarriedOnByTheTimerAllTheSame()
    {
        var study = await ArchivedAsync();
        _failing.Delay = true;

        // Between the record and the document the timer finds a record that leads to nothing.
        _failing.OnCommit = () => Rehydrations().AdvanceAsync(default);
        await Rehydrations().RequestAsync(study, default);
        _failing.Delay = false;
        Assert.Equal(1, await Rehydrations().AdvanceAsync(default));
    }

    [Fact]
    public async Task Sweep_PlansWhatThePolicyWants_AndLateInstancesFollow()
    {
        var study = await ArchivedAsync();
        var policies = new TierPolicies(_bench.Documents);
        await policies.PutAsync(IngestBench.A, new TierPolicy(1, [new TierRule(null, null, null, 1, 2, 3)]), Core.Documents.Match.Any, default);
        var use = new StudyUse(_bench.Documents, _bench.Time);
        var sweep = new TierSweep(_bench.Catalog, policies, use, new InstitutionDirectory(_bench.Documents), Options.Create(_options), _bench.Time);
        Assert.Empty((await sweep.PlanAsync(IngestBench.A, null, default)).Moves);

        // A late instance: its pack is hot, the study stays archived, and the policy takes the pack there too when its time has come.
        await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.99"));
        await CompleteAsync();
        Assert.Equal(StorageTier.Archive, (await _bench.Study()).Tier);
        Assert.Empty((await sweep.PlanAsync(IngestBench.A, null, default)).Moves);
        _bench.Time.Advance(TimeSpan.FromDays(4));
        Assert.Equal([new PlannedMove(study.StudyKey, StorageTier.Archive)], (await sweep.PlanAsync(IngestBench.A, null, default)).Moves);
        Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
        Assert.All(await StatusAsync(".pack"), status => Assert.Equal(ObjectTier.Archive, status.Tier));
        Assert.Empty((await sweep.PlanAsync(IngestBench.A, null, default)).Moves);

        // Brought back, it goes no colder than the cold tier until it has not been read for a while.
        await Rehydrations(use).RequestAsync(await _bench.Study(), default);
        await Rehydrations(use).AdvanceAsync(default);
        Assert.Equal(1, await use.FlushAsync(default));
        Assert.Equal([new PlannedMove(study.StudyKey, StorageTier.Cold)], (await sweep.PlanAsync(IngestBench.A, null, default)).Moves);
        _bench.Time.Advance(TimeSpan.FromDays(15));
        Assert.Equal([new PlannedMove(study.StudyKey, StorageTier.Archive)], (await sweep.PlanAsync(IngestBench.A, null, default)).Moves);
    }

    [Fact]
    public async Task Use_IsWrittenOnceADay()
    {
        var use = new StudyUse(_bench.Documents, _bench.Time);
        for (var i = 0; i < 100; i++) use.Touch("a", "k");
        Assert.Equal(1, await use.FlushAsync(default));
        for (var i = 0; i < 100; i++) use.Touch("a", "k");
        Assert.Equal(0, await use.FlushAsync(default));
        _bench.Time.Advance(TimeSpan.FromDays(1));
        use.Touch("a", "k");
        Assert.Equal(_bench.Time.GetUtcNow(), await use.LastAsync("a", "k", default));
        Assert.Equal(1, await use.FlushAsync(default));
        Assert.Equal(_bench.Time.GetUtcNow(), await new StudyUse(_bench.Documents, _bench.Time).LastAsync("a", "k", default));
    }

    private StudyTiers Tiers() => Tiers(_bench);

    private static StudyTiers Tiers(IngestBench bench) => new(bench.Catalog, bench.Commit, bench.Parts, bench.Store, bench.Time, NullLogger<StudyTiers>.Instance);

    private Rehydrations Rehydrations(IngestBench bench) =>
        new(Tiers(bench), bench.Store, new StudyUse(bench.Documents, bench.Time), bench.Documents, Options.Create(_options), NullLogger<Rehydrations>.Instance);

    private static async Task<StudyDocument> ArchivedAsync(IngestBench bench, int packs)
    {
        for (var i = 0; i < packs; i++) await bench.SendOne(TestDicom.Ct(sop: $"1.2.3.1.{i}"));
        Assert.Equal(TierMove.Done, await Tiers(bench).MoveAsync(IngestBench.A, (await bench.Study()).StudyKey, StorageTier.Archive, default));
        return await bench.Study();
    }

    private Rehydrations Rehydrations(StudyUse? use = null) =>
        new(Tiers(), _bench.Store, use ?? new StudyUse(_bench.Documents, _bench.Time), _bench.Documents, Options.Create(_options), NullLogger<Rehydrations>.Instance);

    private async Task<StudyDocument> SendAsync(int count)
    {
        for (var i = 0; i < count; i++) await _bench.SendOne(TestDicom.Ct(sop: $"1.2.3.1.{i}"));
        await CompleteAsync();
        return await _bench.Study();
    }

    private async Task CompleteAsync()
    {
        _bench.Time.Advance(TimeSpan.FromMinutes(5));
        await _bench.ClockBesideAJournal.AdvanceAsync(default);
        await ClearOutboxAsync(await _bench.Study());
    }

    private async Task ClearOutboxAsync(StudyDocument study) =>
        Assert.Equal(CommitOutcome.Committed, await _bench.Commit.CommitAsync(new CommitBatch(StudyChange.Of(study, study with { Outbox = [] }, []), []), default));

    private async Task<StudyDocument> ArchivedAsync()
    {
        var study = await SendAsync(2);
        Assert.Equal(TierMove.Done, await Tiers().MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
        return await _bench.Study();
    }

    private async Task<bool> CrashAtAsync(int step, Func<Task<TierMove>> run)
    {
        _failing.FailAfter = step;
        try
        {
            await run();
            return false;
        }
        catch (CrashException)
        {
            return true;
        }
        finally
        {
            _failing.FailAfter = int.MaxValue;
        }
    }

    private async Task<string[]> BytesAsync(IReadOnlyList<Skylight.Archive.Series.IndexEntry> entries)
    {
        var bytes = new List<string>();
        foreach (var entry in entries) bytes.Add(Convert.ToHexString(await _bench.Bytes(entry)));
        return [.. bytes];
    }

    private Task<List<ObjectStatus>> StatusAsync(params string[] kinds) => StatusAsync(_bench, kinds);

    private static async Task<List<ObjectStatus>> StatusAsync(IngestBench bench, params string[] kinds)
    {
        var found = new List<ObjectStatus>();
        foreach (var name in (await bench.Objects()).Where(name => kinds.Any(name.EndsWith))) found.Add((await bench.Folder.GetStatusAsync(name, default))!.Value);
        Assert.NotEmpty(found);
        return found;
    }

    private sealed class CrashException : Exception;

    /// <summary>A commit that dies before or after it has happened, as its turn comes.</summary>
    private sealed class FailingCommit(ICommit inner, FailingStore failing) : ICommit
    {
        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
            inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);

        public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);

        public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
        {
            failing.Step();
            if (failing.OnCommit is { } first)
            {
                failing.OnCommit = null;
                await first();
            }

            var outcome = await inner.CommitAsync(batch, cancellationToken);
            failing.Step();
            return outcome;
        }
    }

    /// <summary>A store that dies before or after a change of tier, or keeps rehydrations waiting.</summary>
    private sealed class FailingStore
    {
        private int _steps;

        public int FailAfter
        {
            get;
            set
            {
                field = value;
                _steps = 0;
            }
        } = int.MaxValue;

        public bool Delay { get; set; }

        /// <summary>Study whose objects cannot be reached.</summary>
        public string? Broken { get; set; }

        /// <summary>Runs once, before the next commit.</summary>
        public Func<Task>? OnCommit { get; set; }

        public IObjectStore Around(IObjectStore inner) => new Store(inner, this);

        public void Step()
        {
            if (Interlocked.Increment(ref _steps) > FailAfter) throw new CrashException();
        }

        private sealed class Store(IObjectStore inner, FailingStore failing) : IObjectStore
        {
            public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

            public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

            public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

            public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

            public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

            public async ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken)
            {
                failing.Step();
                if (failing.Delay) return;
                await inner.SetTierAsync(name, tier, cancellationToken);
                failing.Step();
            }

            public async ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) =>
                failing.Broken is { } broken && name.Contains(broken, StringComparison.Ordinal) ? throw new IOException("Out of reach.") : await inner.GetStatusAsync(name, cancellationToken);
        }
    }
}
