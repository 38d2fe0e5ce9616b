using System.Text.Json;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What is deleted is nowhere to be seen, and comes back as it was.</summary>
public sealed class DeletionsTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send([.. Enumerable.Range(1, 3).Select(n => LifecycleBench.Slice(n)), LifecycleBench.Slice(1, "1.2.3.2").Set(0x00080060, "CS", "MR")]);

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData(null, null)]
    [InlineData("1.2.3.1", "1.2.3.1.2")]
    public async Task Delete_WithoutADelay_WhileTheTimerRuns_HidesAndIsErasedLater(string? series, string? instance)
    {
        await using var ingest = new IngestBench();
        await using var bench = new LifecycleBench(new LifecycleOptions { EraseAfterDays = 0 }, ingest);
        await bench.RegisterAsync();
        await ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        ingest.Time.Advance(TimeSpan.FromDays(365 * 40));

        // Between the record and what it says.
        await using var slow = new LifecycleBench(new LifecycleOptions { EraseAfterDays = 0 }, ingest, inner => new BeforeCommit(inner, async () => Assert.Equal(0, await bench.Due.RunAsync(RunAsync, default))));
        var deletion = (await slow.DeleteAsync(series, instance)).Record!;
        Assert.Equal(DeletionStatus.Hidden, (await bench.Deletions.GetAsync(IngestBench.A, deletion.Id, default))!.Value.Status);
        ingest.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(1, await bench.Due.RunAsync(RunAsync, default));
        Assert.Equal(DeletionStatus.Erased, (await bench.Deletions.GetAsync(IngestBench.A, deletion.Id, default))!.Value.Status);
        Assert.Equal(instance is null ? [] : ["1.2.3.1.1"], await bench.ServedAsync());

        async ValueTask RunAsync(ErasureRecord erasure, CancellationToken cancellationToken) => await bench.RunAsync(erasure.Id);
    }

    [Fact]
    public async Task Delete_WhoseRecordIsTakenBackBeforeItsCommit_HidesNothing()
    {
        await using var ingest = new IngestBench();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        var (commits, taken) = (0, RestoreOutcome.Missing);
        await using var slow = new LifecycleBench(ingest: ingest, wrapCommit: inner => new BeforeCommit(inner, async () =>
        {
            if (++commits > 1) return;
            var record = Assert.Single((await bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
            taken = await bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default);
            await ingest.SendOne(LifecycleBench.Slice(3));
        }));
        await Assert.ThrowsAsync<DocumentConflictException>(() => slow.DeleteAsync());
        Assert.Equal(RestoreOutcome.Restored, taken);
        Assert.Equal(3, (await bench.ServedAsync()).Length);
    }

    [Fact]
    public async Task Delete_Instance_LeavesTheOthers_AndComesBackAsItWas()
    {
        var before = (await _bench.MetadataAsync(), (await _bench.Ingest.Study()).Series[0]);
        var deleted = await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2");
        Assert.Equal((DeletionOutcome.Hidden, 1, DeletionLevel.Instances), (deleted.Outcome, deleted.Record!.Instances, deleted.Record.Level));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.3", "1.2.3.2.1"], await _bench.ServedAsync());
        Assert.DoesNotContain("1.2.3.1.2\"", await _bench.MetadataAsync(), StringComparison.Ordinal);
        var study = await _bench.Ingest.Study();
        Assert.Equal((3, 2, 2L), (study.Instances(), study.Series[0].Instances, study.Series[0].Frames));
        Assert.Equal("study.deleted", study.Outbox[^1].Type);
        Assert.Equal(InstanceState.Hidden, Assert.Single(await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.2"], default)).State);
        Assert.Equal(DeletionOutcome.Missing, (await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Outcome);

        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Record.Id, LifecycleBench.By, default));
        Assert.Equal(RestoreOutcome.TooLate, await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Record.Id, LifecycleBench.By, default));
        study = await _bench.Ingest.Study();
        Assert.Equal(before, (await _bench.MetadataAsync(), study.Series[0] with { Parts = before.Item2.Parts }));
        Assert.Equal(InstanceState.Current, Assert.Single(await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.2"], default)).State);
    }

    [Fact]
    public async Task Delete_Series_TakesItsModalityToo_AndTheLastSeriesHidesTheStudy()
    {
        var mr = await _bench.DeleteAsync("1.2.3.2");
        Assert.Equal((DeletionLevel.Series, 1), (mr.Record!.Level, mr.Record.Instances));
        Assert.Equal(["CT"], (await _bench.Ingest.Study()).Attributes.Modalities);
        Assert.Empty(await _bench.ServedAsync("1.2.3.2"));
        await _bench.DeleteAsync("1.2.3.1");
        Assert.Empty(await _bench.ServedAsync());
        Assert.Empty((await _bench.Ingest.Catalog.QueryStudiesAsync(IngestBench.A, new StudyQuery(), 10, 0, null, default)).Items);
        await _bench.Deletions.RestoreAsync(IngestBench.A, mr.Record.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.2.1"], await _bench.ServedAsync());
        Assert.Equal(["MR"], (await _bench.Ingest.Study()).Attributes.Modalities);
    }

    [Fact]
    public async Task Delete_Study_HidesIt_AndBringsItBack()
    {
        var deleted = await _bench.DeleteAsync();
        Assert.Equal((DeletionLevel.Study, 4), (deleted.Record!.Level, deleted.Record.Instances));
        Assert.Empty(await _bench.ServedAsync());
        Assert.Equal(deleted.Record.Id, (await _bench.Ingest.Study()).Deletion);
        Assert.Equal([deleted.Record.Id], (await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items.Select(item => item.Id));
        await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Record.Id, LifecycleBench.By, default);
        Assert.Equal(4, (await _bench.ServedAsync()).Length);
        Assert.Empty((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);
    }

    [Fact]
    public async Task Delete_InstanceWithTwoRevisions_RestoresTheOneThatWasCurrent()
    {
        await _bench.Ingest.SendOne(LifecycleBench.Slice(2).Set(0x00081030, "LO", "rewritten"));
        var deleted = await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2");
        Assert.Equal(1, deleted.Record!.Instances);
        await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Record.Id, LifecycleBench.By, default);
        var rows = await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.2"], default);
        Assert.Equal([(1, InstanceState.Superseded), (2, InstanceState.Current)], rows.Select(row => (row.Revision, row.State)));
        Assert.Contains("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resend_OfWhatIsDeleted_IsRefused_AndOtherContentUnderItsUidIsHeld()
    {
        await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2");
        var same = await _bench.Ingest.SendOne(LifecycleBench.Slice(2));
        Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), (same.Kind, same.Reason!.Code));
        var other = await _bench.Ingest.SendOne(LifecycleBench.Slice(2).With(file => file.Pixels = [9, 9, 9, 9]));
        Assert.Equal((OutcomeKind.Held, "instance-deleted"), (other.Kind, other.Reason!.Code));
        Assert.DoesNotContain("1.2.3.1.2", await _bench.ServedAsync());
        Assert.Null((await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, other.ItemId!, LifecycleBench.By, null, default)).Refusal);
        Assert.Contains("1.2.3.1.2", await _bench.ServedAsync());
    }

    [Fact]
    public async Task Delete_UnderHold_IsRefused_UntilItIsReleased()
    {
        var key = (await _bench.Ingest.Study()).StudyKey;
        var set = (await _bench.Holds.SetAsync(IngestBench.A, key, HoldKind.Dispute, "2026-17", LifecycleBench.By, null, default))!.Value;
        var refused = await _bench.DeleteAsync();
        Assert.Equal((DeletionOutcome.OnHold, set.Hold!.Id), (refused.Outcome, refused.Hold!.Id));
        Assert.Equal(DeletionOutcome.OnHold, (await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.1")).Outcome);
        Assert.Empty((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);
        Assert.Null((await _bench.Holds.ReleaseAsync(IngestBench.A, key, "other", LifecycleBench.By, default))!.Value.Hold);
        Assert.Equal(LifecycleBench.By, (await _bench.Holds.ReleaseAsync(IngestBench.A, key, set.Hold.Id, LifecycleBench.By, default))!.Value.Hold!.ReleasedBy);
        Assert.Equal(DeletionOutcome.Hidden, (await _bench.DeleteAsync()).Outcome);
    }

    [Fact]
    public async Task Delete_WithinRetention_IsRefusedWhereTheInstitutionSaysSo()
    {
        _bench.Options.Institutions[IngestBench.A] = new InstitutionLifecycle { RefuseDeletionWithinRetention = true };
        await _bench.Holds.SetEncounterAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, EncounterKind.Outpatient, null, default);
        var refused = await _bench.DeleteAsync();
        Assert.Equal((DeletionOutcome.Retained, "RET-OUTPATIENT", new DateOnly(2041, 3, 1)), (refused.Outcome, refused.Retention!.Rule, refused.Retention.Until));
        _bench.Ingest.Time.Advance(TimeSpan.FromDays((365.25 * 15) + 2));
        Assert.Equal(DeletionOutcome.Hidden, (await _bench.DeleteAsync()).Outcome);
    }

    [Fact]
    public async Task Retention_NewVisitOfThePatient_ExtendsOlderStudies_ByTheLongerTerm()
    {
        var key = (await _bench.Ingest.Study()).StudyKey;
        await _bench.Holds.SetEncounterAsync(IngestBench.A, key, EncounterKind.Outpatient, null, default);
        Assert.Equal(new DateOnly(2041, 3, 1), (await _bench.Retention.OfAsync(await _bench.Ingest.Study(), default)).Until);

        // After fourteen years the patient comes again: fifteen more from then, for the old study too.
        _bench.Ingest.Time.Advance(new DateTimeOffset(2050, 3, 1, 12, 0, 0, TimeSpan.Zero) - _bench.Ingest.Time.GetUtcNow());
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1").Set(0x00080020, "DA", "20400301"));
        Assert.Equal(new DateOnly(2055, 3, 1), (await _bench.Retention.OfAsync(await _bench.Ingest.Study(), default)).Until);
        await _bench.Holds.SetEncounterAsync(IngestBench.A, key, EncounterKind.Inpatient, new DateOnly(2026, 3, 9), default);
        Assert.Equal(("RET-INPATIENT", new DateOnly(2070, 3, 1)), await VerdictAsync());

        // Another patient's visit is nothing to it.
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.5", series: "1.2.5.1", sop: "1.2.5.1.1", patient: "P2").Set(0x00080020, "DA", "20500301"));
        Assert.Equal(("RET-INPATIENT", new DateOnly(2070, 3, 1)), await VerdictAsync());

        async Task<(string, DateOnly)> VerdictAsync() => await _bench.Retention.OfAsync(await _bench.Ingest.Study(), default) is var verdict ? (verdict.Rule, verdict.Until) : default;
    }

    [Fact]
    public async Task Delete_WhileMoreArrives_HidesWhatIsThereThen()
    {
        var sent = 10;
        await using var racing = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, async () =>
        {
            if (sent++ < 12) await _bench.Ingest.SendOne(LifecycleBench.Slice(sent));
        }));
        Assert.Equal(5, (await racing.DeleteAsync("1.2.3.1")).Record!.Instances);
        Assert.Equal(["1.2.3.2.1"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Delete_InterruptedBeforeItsCommit_HidesNothing()
    {
        await using var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, () => throw new IOException("The process died here.")));
        await Assert.ThrowsAsync<IOException>(() => dying.DeleteAsync("1.2.3.1"));
        Assert.Equal(4, (await _bench.ServedAsync()).Length);

        // Its record is there and stands for nothing: bringing it back changes nothing, and the deletion can be asked for again.
        var left = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, left.Id, LifecycleBench.By, default));
        Assert.Equal(DeletionOutcome.Hidden, (await _bench.DeleteAsync("1.2.3.1")).Outcome);
    }

    [Fact]
    public async Task Merge_OfDeletedInstances_KeepsThemHiddenAndTheirBytes()
    {
        for (var i = 10; i < 16; i++) await _bench.Ingest.SendOne(LifecycleBench.Slice(i));
        var deleted = await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.12");
        var served = await _bench.ServedAsync();
        var study = await _bench.Ingest.Study();
        Assert.NotEmpty(await _bench.Merge.MergeAsync(IngestBench.A, study.StudyKey, default));
        Assert.Equal(served, await _bench.ServedAsync());
        await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Record!.Id, LifecycleBench.By, default);
        string[] all = [.. served.Append("1.2.3.1.12").Order(StringComparer.Ordinal)];
        Assert.Equal(all, await _bench.ServedAsync());
        Assert.Equal(served.Length + 1, JsonDocument.Parse(await _bench.MetadataAsync()).RootElement.GetArrayLength());
        foreach (var entry in (await _bench.Ingest.Entries(await _bench.Ingest.Study())).Where(entry => entry.State == EntryState.Stored)) Assert.NotEmpty(await _bench.Ingest.Bytes(entry));
    }
}
