using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Institutions;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Until something is destroyed an erasure can be stopped, and then everything is as it was; from then on nobody is told that it can.</summary>
public sealed class ErasureHoldTests : IAsyncLifetime
{
    private const string Second = "hospital-a/second";
    private readonly LifecycleBench _bench = new(ingest: new IngestBench(rehydrationSeconds: 3600));

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        await _bench.Ingest.DisposeAsync();
    }

    [Theory]
    [InlineData(false, ErasureStep.Freeze)]
    [InlineData(false, ErasureStep.Collect)]
    [InlineData(false, ErasureStep.DestroyKey)]
    [InlineData(true, ErasureStep.Freeze)]
    [InlineData(true, ErasureStep.Collect)]
    [InlineData(true, ErasureStep.DestroyKey)]
    public async Task Hold_OnAWholeStudy_BeforeAnyStepUntilTheMark_StopsItsErasure(bool deleted, ErasureStep before)
    {
        var (deletion, id) = await ApprovedAsync(deleted);
        await UntilAsync(id, before);
        Assert.NotNull(await HoldAsync());
        await StoppedAsync(id, deletion);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hold_OnAWholeStudy_JustBeforeTheMark_StopsItsErasure(bool deleted)
    {
        var (deletion, id) = await ApprovedAsync(deleted);
        await UntilAsync(id, ErasureStep.DestroyKey);
        await using var slow = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, async () =>
        {
            if (!(await _bench.Ingest.Study()).Hold) Assert.NotNull(await HoldAsync());
        }));
        await slow.RunAsync(id);
        await StoppedAsync(id, deletion);
    }

    [Fact]
    public async Task Hold_AfterTheMark_IsRefused_AndTheErasureEnds()
    {
        var (_, id) = await ApprovedAsync(deleted: false);
        await UntilAsync(id, ErasureStep.DestroyKey);
        await using (var dying = new LifecycleBench(
            ingest: _bench.Ingest, wrapDocuments: inner => new BeforePut(inner, value => value is ErasureRecord { Destroying: true } ? throw new IOException("The process died here.") : Task.CompletedTask)))
            await Assert.ThrowsAsync<IOException>(() => dying.RunAsync(id));
        Assert.NotEmpty(await KeysAsync());
        Assert.Null(await HoldAsync());
        Assert.Equal(id, (await _bench.Ingest.Study()).Erasing);

        // Nothing is added to what goes: what is sent meanwhile is sent again.
        await Assert.ThrowsAsync<StudyBeingErasedException>(() => _bench.Ingest.SendOne(LifecycleBench.Slice(9)));
        Assert.Equal((ErasureStatus.Erased, 2), await _bench.RunAsync(id) is var erased ? (erased.Status, erased.Instances) : default);
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(9))).Kind);
        Assert.NotNull(await HoldAsync());
    }

    [Theory]
    [InlineData(ErasureStep.Freeze)]
    [InlineData(ErasureStep.Collect)]
    [InlineData(ErasureStep.DestroyKey)]
    [InlineData(ErasureStep.Catalog)]
    public async Task Hold_OnInstances_BeforeTheyAreEnded_StopsTheirErasure(ErasureStep before)
    {
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        await UntilAsync(id, before);
        Assert.NotNull(await HoldAsync());
        await StoppedAsync(id, (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.DeletionId);
    }

    [Fact]
    public async Task Hold_OnInstances_JustBeforeTheCommitThatEndsThem_StopsTheirErasure_AndNoListNamesIt()
    {
        var folder = Directory.CreateTempSubdirectory("skylight-").FullName;
        var copies = new ErasureCopies(FolderObjectStore.Open(folder, new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, _bench.Ingest.Time));
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        await UntilAsync(id, ErasureStep.Catalog);
        var written = 0;
        await using (var slow = new LifecycleBench(ingest: _bench.Ingest, erasures: copies, wrapCommit: inner => new BeforeCommit(inner, async () =>
        {
            written += (await copies.ListAsync(default)).Count;
            if (!(await _bench.Ingest.Study()).Hold) Assert.NotNull(await HoldAsync());
        }))) await slow.RunAsync(id);
        Assert.Equal(1, written);
        Assert.Empty(await copies.ListAsync(default));
        await StoppedAsync(id, (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.DeletionId);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Hold_OnInstances_WhileTheirStudyIsOnItsWayOutOfTheArchive_StopsTheirErasure()
    {
        Assert.Equal(TierMove.Done, await _bench.Tiers.MoveAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, StorageTier.Archive, default));
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        Assert.Equal(ErasureStatus.Running, (await _bench.RunAsync(id)).Status);
        Assert.NotNull(await HoldAsync());
        await StoppedAsync(id, (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.DeletionId);
    }

    [Fact]
    public async Task Hold_AfterInstancesWereEnded_IsForWhatIsLeft_AlsoWhenTheHostIsKilledInBetween()
    {
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        await UntilAsync(id, ErasureStep.Catalog);
        await using (var dying = new LifecycleBench(
            ingest: _bench.Ingest, wrapDocuments: inner => new BeforePut(inner, value => value is ErasureRecord { Step: ErasureStep.Objects } ? throw new IOException("The process died here.") : Task.CompletedTask)))
            await Assert.ThrowsAsync<IOException>(() => dying.RunAsync(id));
        Assert.NotNull(await HoldAsync());
        Assert.Equal((ErasureStatus.Erased, 1), await _bench.RunAsync(id) is var erased ? (erased.Status, erased.Instances) : default);
        Assert.Equal("1.2.3.1.1", Assert.Single(await _bench.Ingest.Entries(await _bench.Ingest.Study())).SopInstanceUid);
    }

    [Fact]
    public async Task Hold_OnAStudyOfWhichNothingIsLeft_CertifiesTheInstancesAndLeavesTheStudy()
    {
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1");
        do await _bench.Erasure.StepAsync(IngestBench.A, id, default);
        while ((await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value is not { Level: DeletionLevel.Study, Step: ErasureStep.Collect });
        Assert.NotNull(await HoldAsync());
        var erased = await _bench.RunAsync(id);
        Assert.Equal((ErasureStatus.Erased, DeletionLevel.Series, 2), (erased.Status, erased.Level, erased.Instances));
        Assert.Equal((true, false), ((await _bench.Ingest.Study()).Hold, (await _bench.Ingest.Study()).Hidden));
        Assert.NotEmpty(await KeysAsync());
    }

    [Fact]
    public async Task Arrival_BetweenListAndMark_IsListedToo()
    {
        var (_, id) = await ApprovedAsync(deleted: true);
        await UntilAsync(id, ErasureStep.DestroyKey);
        Assert.Equal(OutcomeKind.Held, (await _bench.Ingest.SendOne(LifecycleBench.Slice(3))).Kind);
        Assert.Equal((ErasureStatus.Erased, 3, 1), await _bench.RunAsync(id) is var erased ? (erased.Status, erased.Instances, erased.IntakeItems) : default);
        Assert.Empty(await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], default));
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(3))).Kind);
    }

    [Fact]
    public async Task Technician_WhoTakesAStudyInAgainDuringItsErasure_StopsIt()
    {
        var (deletion, id) = await ApprovedAsync(deleted: true);
        await UntilAsync(id, ErasureStep.DestroyKey);
        var held = await _bench.Ingest.SendOne(LifecycleBench.Slice(3));
        Assert.Null((await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, held.ItemId!, LifecycleBench.By, null, default)).Refusal);
        Assert.Equal((ErasureStatus.Refused, ErasureRefusal.BroughtBack), await _bench.RunAsync(id) is var stopped ? (stopped.Status, stopped.Refusal) : default);
        Assert.Equal(DeletionStatus.Restored, (await _bench.Deletions.GetAsync(IngestBench.A, deletion!, default))!.Value.Status);
        Assert.Equal(3, (await _bench.ServedAsync()).Length);
    }

    [Fact]
    public async Task Visit_BetweenRequestAndMark_ProlongsRetention_AndStopsTheErasure()
    {
        var key = (await _bench.Ingest.Study()).StudyKey;
        await _bench.Holds.SetEncounterAsync(IngestBench.A, key, EncounterKind.Outpatient, null, default);
        var deletion = (await _bench.DeleteAsync()).Record!;
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(365.25 * 16));
        var asked = (await _bench.Requests.RequestAsync(IngestBench.A, key, ErasureBasis.RetentionExpired, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        Assert.Equal(ErasureStatus.Running, asked.Status);
        await UntilAsync(asked.Id, ErasureStep.DestroyKey);
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1").Set(0x00080020, "DA", "20420301"));
        Assert.Equal((ErasureStatus.Refused, ErasureRefusal.Retained), await _bench.RunAsync(asked.Id) is var stopped ? (stopped.Status, stopped.Refusal) : default);
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, deletion.Id, LifecycleBench.By, default));
        Assert.Equal(2, (await _bench.ServedAsync()).Length);
    }

    [Fact]
    public async Task SecondErasureOfOneStudy_LeavesWhatHasComeInItsPlace()
    {
        var (_, id) = await ApprovedAsync(deleted: false);
        var first = (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value;
        var twin = first with { Id = "0123456789abcdef0123456789abcdef" };
        await _bench.Ingest.Documents.PutAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, twin.Id), twin, Match.None, ErasureRequests.Terms(twin), default);
        await _bench.RunAsync(id);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(1))).Kind);
        var late = await _bench.RunAsync(twin.Id);
        Assert.Equal((ErasureStatus.Erased, 0, 0, 0), (late.Status, late.Instances, late.Objects, late.Certificate!.KeysDestroyed.Count));
        Assert.Equal(["1.2.3.1.1"], await _bench.ServedAsync());
        Assert.NotEmpty(await _bench.MetadataAsync());
    }

    [Fact]
    public async Task Deletion_ThatHidNothingAfterACrash_IsNotCertifiedAsErased()
    {
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, () => throw new IOException("The process died here."))))
            await Assert.ThrowsAsync<IOException>(() => dying.DeleteAsync("1.2.3.1", "1.2.3.1.2"));
        var deletion = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
        var asked = (await _bench.Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await _bench.Requests.ApproveAsync(IngestBench.A, asked.Id, Second, default);
        Assert.Equal((ErasureStatus.Refused, ErasureRefusal.Missing, null), await _bench.RunAsync(asked.Id) is var stopped ? (stopped.Status, stopped.Refusal, stopped.Certificate) : default);
        Assert.Equal(2, (await _bench.ServedAsync()).Length);
    }

    /// <summary>Nothing is destroyed, what the erasure hid is shown, its deletion can be brought back, and its lists are gone.</summary>
    private async Task StoppedAsync(string id, string? deletion)
    {
        var stopped = await _bench.RunAsync(id);
        Assert.Equal((ErasureStatus.Refused, ErasureRefusal.OnHold, null, false), (stopped.Status, stopped.Refusal, stopped.Certificate, stopped.HasDestroyed));
        Assert.Null((await _bench.Ingest.Study()).Erasing);
        if (deletion is not null) Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, deletion, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2"], await _bench.ServedAsync());
        Assert.True((await _bench.Ingest.Study()).Hold);
        foreach (var type in (string[])["erasure-page", ErasedContent.MarkType])
            Assert.Empty((await _bench.Ingest.Documents.ListAsync<object>(IngestBench.A, type, null, 10, null, default)).Items);
    }

    private async Task<(string? Deletion, string Erasure)> ApprovedAsync(bool deleted)
    {
        if (!deleted) return (null, (await _bench.ApprovedAsync()).Id);
        var deletion = (await _bench.DeleteAsync()).Record!;
        var asked = (await _bench.Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await _bench.Requests.ApproveAsync(IngestBench.A, asked.Id, Second, default);
        return (deletion.Id, asked.Id);
    }

    private async Task UntilAsync(string id, ErasureStep step)
    {
        while ((await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step != step) Assert.True(await _bench.Erasure.StepAsync(IngestBench.A, id, default));
    }

    private async Task<StudyHold?> HoldAsync() => (await _bench.Holds.SetAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, HoldKind.Legal, "7", LifecycleBench.By, null, default))!.Value.Hold;

    private async Task<IReadOnlyList<string>> KeysAsync() => [.. await _bench.Ingest.Keys.IdsAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, default)];
}
