using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Of a study that stays: single instances and series.</summary>
public sealed partial class ErasureTests
{
    [Fact]
    public async Task Instances_WhenErased_AreDroppedFromThePacks_AndTheirUidIsFreeAgain()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        for (var i = 1; i <= 4; i++) await ingest.SendOne(Slice(i));
        var study = await ingest.Study();
        var bytes = study.Series[0].Bytes;
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        var erased = await bench.RunAsync(id);
        Assert.Equal((ErasureStatus.Erased, 1, DeletionLevel.Instances), (erased.Status, erased.Instances, erased.Level));
        study = await ingest.Study();
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.3", "1.2.3.1.4"], await bench.ServedAsync());
        Assert.DoesNotContain(await ingest.Entries(study), entry => entry.SopInstanceUid == "1.2.3.1.2");
        Assert.Equal(bytes - Slice(2).ToBytes().Length, study.Series[0].Bytes);
        Assert.NotEmpty(await ingest.Keys.IdsAsync(IngestBench.A, study.StudyKey, default));
        foreach (var entry in await ingest.Entries(study)) Assert.Equal(entry.Length, (await ingest.Bytes(entry)).Length);

        // A day later the packs that had it are gone; the certificate and the trail say when.
        Assert.Equal(ingest.Time.GetUtcNow() + TimeSpan.FromHours(25), erased.Certificate!.BytesGoneBy);
        Assert.True(await erased.Certificate.IsGenuineAsync(ingest.Secrets, default));
        Assert.False(await (erased.Certificate with { BytesGoneBy = null }).IsGenuineAsync(ingest.Secrets, default));
        Assert.Contains(Assert.Single(bench.Audit.Events).RuleIds, detail => detail.StartsWith("bytesGoneBy:", StringComparison.Ordinal));
        await bench.RegisterAsync();
        ingest.Time.Advance(erased.Certificate.BytesGoneBy!.Value - ingest.Time.GetUtcNow());
        await bench.Upkeep.RunAsync(default);
        Assert.Single(bench.Audit.Events);
        await bench.Retired.PurgeAsync(default);

        // Said once, when it is so.
        for (var round = 0; round < 2; round++) await bench.Upkeep.RunAsync(default);
        Assert.Equal(("erasure.bytes-gone", id, study.StudyKey), bench.Audit.Events[1] is var gone ? (gone.Action, gone.Object, gone.StudyKey) : default);
        Assert.Equal(2, bench.Audit.Events.Count);
        Assert.Equal(ingest.Time.GetUtcNow(), (await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.BytesGoneAt);
        var pack = Assert.Single(study.Series[0].Parts).Pack;
        Assert.Equal([pack], (await NamesAsync(ingest)).Where(name => name.EndsWith(".pack", StringComparison.Ordinal)).Select(name => name[(name.LastIndexOf('/') + 1)..]));
        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(2))).Kind);
        Assert.Contains("1.2.3.1.2", await bench.ServedAsync());
    }

    [Fact]
    public async Task Instances_OfAnArchivedStudy_WaitForItsRehydration_AndAreCertifiedOnlyThen()
    {
        await using var ingest = new IngestBench(rehydrationSeconds: 3600);
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var study = await ingest.Study();
        Assert.Equal(TierMove.Done, await bench.Tiers.MoveAsync(IngestBench.A, study.StudyKey, StorageTier.Archive, default));
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        var waiting = await bench.RunAsync(id);
        Assert.Equal((ErasureStatus.Running, ErasureStep.Catalog, null), (waiting.Status, waiting.Step, waiting.Certificate));
        Assert.NotNull((await ingest.Study()).Rehydration);
        Assert.Equal(ErasureStep.Catalog, (await bench.RunAsync(id)).Step);

        ingest.Time.Advance(TimeSpan.FromHours(16));
        Assert.Equal(1, await bench.Rehydrations.AdvanceAsync(default));
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(id)).Status);
        Assert.Equal("1.2.3.1.1", Assert.Single(await ingest.Entries(await ingest.Study())).SopInstanceUid);
    }

    [Fact]
    public async Task Instances_OfAStudyThatNeverStopsChanging_AreNotCertified()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        while ((await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step != ErasureStep.Objects) await bench.Erasure.StepAsync(IngestBench.A, id, default);

        var next = 10;
        await using var busy = new LifecycleBench(ingest: ingest, wrapCommit: inner => new BeforeCommit(inner, () => ingest.SendOne(Slice(next++))));
        await Assert.ThrowsAsync<IOException>(() => busy.RunAsync(id));
        Assert.Equal((ErasureStatus.Running, ErasureStep.Objects), (await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value is { } still ? (still.Status, still.Step) : default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(id)).Status);
        Assert.DoesNotContain(await ingest.Entries(await ingest.Study()), entry => entry.SopInstanceUid == "1.2.3.1.2");
    }

    [Fact]
    public async Task Instances_AllOfAStudy_WhenErased_TakeTheStudyWithThem()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var study = await ingest.Study();
        var id = await bench.ApprovedDeletionAsync("1.2.3.1");
        var erased = await bench.RunAsync(id);
        Assert.Equal((DeletionLevel.Study, 2), (erased.Level, erased.Instances));
        Assert.Null(await ingest.Catalog.GetStudyByKeyAsync(IngestBench.A, study.StudyKey, default));
        Assert.Empty(await ingest.Keys.IdsAsync(IngestBench.A, study.StudyKey, default));
    }

    [Fact]
    public async Task Instances_AllOfAStudy_WhenOthersArriveBeforeItGoesWhole_LeaveTheStudyToThem()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var id = await bench.ApprovedDeletionAsync("1.2.3.1");
        do await bench.Erasure.StepAsync(IngestBench.A, id, default);
        while ((await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Level != DeletionLevel.Study);

        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(3))).Kind);
        var erased = await bench.RunAsync(id);
        Assert.Equal((ErasureStatus.Erased, DeletionLevel.Series, 2), (erased.Status, erased.Level, erased.Instances));
        Assert.Equal(["1.2.3.1.3"], await bench.ServedAsync());
        foreach (var entry in await ingest.Entries(await ingest.Study())) Assert.Equal(entry.Length, (await ingest.Bytes(entry)).Length);
    }

    [Fact]
    public async Task Merge_WithDeletedEntries_InTheNewestParts_DoesNotBringTheirOlderPartsBack()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send([.. Enumerable.Range(1, 40).Select(n => Slice(n))]);
        var key = (await ingest.Study()).StudyKey;

        // The state only: the bytes are dropped by a compaction that never came.
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.7");
        while ((await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step != ErasureStep.Objects) await bench.Erasure.StepAsync(IngestBench.A, id, default);
        await ingest.SendOne(Slice(41));
        await ingest.SendOne(Slice(42));
        var parts = (await ingest.Study()).Series[0].Parts.Count;
        Assert.NotEmpty(await bench.Merge.MergeAsync(IngestBench.A, key, default));
        Assert.InRange((await ingest.Study()).Series[0].Parts.Count, 2, parts - 1);
        Assert.Equal(41, (await bench.ServedAsync()).Length);
        Assert.DoesNotContain("1.2.3.1.7", await bench.ServedAsync());
        await bench.RunAsync(id);
        Assert.Equal(41, (await bench.ServedAsync()).Length);
        Assert.DoesNotContain(await ingest.Entries(await ingest.Study()), entry => entry.State == EntryState.Deleted);
    }

    [Theory]
    [InlineData(StorageTier.Warm, 0)]
    [InlineData(StorageTier.Cold, 0)]
    [InlineData(StorageTier.Archive, 0)]
    [InlineData(StorageTier.Cold, 1)]
    [InlineData(StorageTier.Cold, 2)]
    public async Task Erase_OfInstances_OfAStudyInAColderTier_LeavesItsNewPacksThere(StorageTier tier, int faults)
    {
        await using var ingest = await OpenAsync(wrap: store => new FailingTiers(store));
        var store = (FailingTiers)ingest.Store;
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        await ingest.Commit.PurgeAsync(default);
        var key = (await ingest.Study()).StudyKey;
        Assert.Equal(TierMove.Done, await bench.Tiers.MoveAsync(IngestBench.A, key, tier, default));
        var before = (await PacksAsync()).Keys;
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        if (tier == StorageTier.Archive)
        {
            await bench.RunAsync(id);
            ingest.Time.Advance(TimeSpan.FromHours(16));
            await bench.Rehydrations.AdvanceAsync(default);
        }

        store.Full = faults == 1;
        store.Dead = faults == 2;
        if (store.Dead) await Assert.ThrowsAsync<OperationCanceledException>(() => bench.RunAsync(id));
        store.Dead = false;
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(id)).Status);
        var study = await ingest.Study();
        var after = await PacksAsync();
        Assert.DoesNotContain(after.Keys, before.Contains);
        Assert.Equal(tier == StorageTier.Archive ? StorageTier.Warm : tier, study.Tier);
        Assert.All(after.Values, packed => Assert.Equal(store.Full ? ObjectTier.Hot : StudyTiers.Of(study.Tier), packed));
        Assert.Equal(store.Full ? null : study.ReceivedAt, study.TierAt);
        if (!store.Full) return;

        // It is due at the next sweep, although the study is in the tier that the policy wants.
        store.Full = false;
        var policies = new TierPolicies(ingest.Documents);
        await policies.PutAsync(IngestBench.A, new TierPolicy(1, [new TierRule(null, null, null, null, 1, null)]), Match.Any, default);
        ingest.Time.Advance(TimeSpan.FromDays(2));
        await ingest.ClockBesideAJournal.AdvanceAsync(default);
        var sweep = new TierSweep(ingest.Catalog, policies, bench.Use, bench.Institutions, Options.Create(new TierOptions()), ingest.Time);
        Assert.Equal([new PlannedMove(key, tier)], (await sweep.PlanAsync(IngestBench.A, null, default)).Moves);
        Assert.Equal(TierMove.Done, await bench.Tiers.MoveAsync(IngestBench.A, key, tier, default));
        Assert.All((await PacksAsync()).Values, packed => Assert.Equal(ObjectTier.Cold, packed));
        Assert.Empty((await sweep.PlanAsync(IngestBench.A, null, default)).Moves);

        async Task<Dictionary<string, ObjectTier>> PacksAsync()
        {
            var packs = new Dictionary<string, ObjectTier>();
            foreach (var name in await bench.Tiers.PacksAsync(await ingest.Study(), default)) packs[name] = (await ingest.Store.GetStatusAsync(name, default))!.Value.Tier;
            return packs;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_OfInstances_WithTheCatalogMadeAgainBeforeTheirBytesGo_CountsWhatIsThere(bool archived)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2).Set(0x00081030, "LO", "a longer description than the others have"), Slice(3));
        var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        while ((await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step < ErasureStep.Objects) await bench.Erasure.StepAsync(IngestBench.A, id, default);
        if (archived)
        {
            await ingest.Commit.PurgeAsync(default);
            Assert.Equal(TierMove.Done, await bench.Tiers.MoveAsync(IngestBench.A, (await ingest.Study()).StudyKey, StorageTier.Archive, default));
        }

        var rebuild = new CatalogRebuild(ingest.Catalog, ingest.Store, ingest.Documents, ingest.Service, ingest.Items, ingest.Parts, ingest.Keys, bench.Retired, NullLogger<CatalogRebuild>.Instance);
        Assert.Empty((await rebuild.RunAsync(null, write: false, default)).Different);
        await rebuild.RunAsync(null, write: true, default);
        for (var i = 0; i < 3 && (await bench.RunAsync(id)).Status != ErasureStatus.Erased; i++)
        {
            ingest.Time.Advance(TimeSpan.FromHours(16));
            await bench.Rehydrations.AdvanceAsync(default);
        }

        Assert.Equal(ErasureStatus.Erased, (await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Status);
        var study = await ingest.Study();
        Assert.Equal((await ingest.Entries(study)).Sum(entry => entry.Length), study.Series.Sum(series => series.Bytes));
        Assert.Empty((await rebuild.RunAsync(null, write: false, default)).Different);
    }

    [Fact]
    public async Task Erase_OfWhatCameFirst_LeavesACatalogThatARebuildAgreesWith()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.SendOne(Slice(1));
        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        await ingest.SendOne(TestDicom.Ct(series: "1.2.3.2", sop: "1.2.3.2.1", patient: "P-ERASED", name: $"{Name}={NameZh}"));
        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        await ingest.SendOne(Slice(2));
        await bench.RunAsync(await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.1"));
        var rebuild = new CatalogRebuild(ingest.Catalog, ingest.Store, ingest.Documents, ingest.Service, ingest.Items, ingest.Parts, ingest.Keys, bench.Retired, NullLogger<CatalogRebuild>.Instance);
        Assert.Empty((await rebuild.RunAsync(null, write: false, default)).Different);
    }

    /// <summary>A store that moves nothing: there is no room, or the process dies of it.</summary>
    private sealed class FailingTiers(IObjectStore inner) : IObjectStore
    {
        public bool Full { get; set; }

        public bool Dead { get; set; }

        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) =>
            Full ? throw new StorageFullException("There is no room.") : Dead ? throw new OperationCanceledException("The process died here.") : inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);
    }
}
