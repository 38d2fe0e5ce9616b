using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What a backup brings back is erased again.</summary>
public sealed partial class ErasureTests
{
    [Fact]
    public async Task Restore_OfABackup_IsFollowedByTheErasureList()
    {
        var (backup, list) = await ErasedAfterBackupAsync(static _ => Task.CompletedTask);
        Assert.Single(list);
        await using (var ingest = await OpenAsync(backup))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal(2, (await bench.ServedAsync()).Length);
            Assert.Equal(new ErasureReplay(1, 0, 0), await bench.Erasure.ReplayAsync(list, default));
            Assert.Empty(await bench.ServedAsync());
            Assert.Empty(await ingest.Keys.IdsAsync(IngestBench.A, list[0].StudyKey, default));
            Assert.Equal(new ErasureReplay(0, 0, 0), await bench.Erasure.ReplayAsync(default));
            Assert.Single(await bench.Erasure.ListErasedAsync(default));
        }

        Assert.DoesNotContain(Directory.EnumerateFiles(backup, "*", SearchOption.AllDirectories), file => Contains(file, Name));
    }

    [Fact]
    public async Task Restore_OfABackup_WhoseCatalogSaysAnotherBeginningOfTheStudy_IsFollowedByTheErasureList()
    {
        var (backup, list) = await ErasedAfterBackupAsync(ingest => BegunAsync(ingest, TimeSpan.FromSeconds(1)));
        await using (var ingest = await OpenAsync(backup))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal(new ErasureReplay(1, 0, 0), await bench.Erasure.ReplayAsync(list, default));
            Assert.Null(await ingest.Catalog.GetStudyByKeyAsync(IngestBench.A, list[0].StudyKey, default));
            Assert.Empty(await ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1", "1.2.3.1.2"], default));
            Assert.Empty(await ingest.Keys.IdsAsync(IngestBench.A, list[0].StudyKey, default));
        }
    }

    /// <summary>A study that was erased after a backup: the backup's folder, and the list of erasures from the folder that went on.</summary>
    private async Task<(string Backup, IReadOnlyList<ErasureRecord> Erased)> ErasedAfterBackupAsync(Func<IngestBench, Task> beforeErasure)
    {
        var (live, backup) = (Path.Combine(_folder, "live"), Path.Combine(_folder, "backup"));
        await using (var ingest = await OpenAsync(live))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await InstitutionAsync(bench);
            await ingest.Send(Slice(1), Slice(2));
        }

        Copy(live, backup);
        await using (var ingest = await OpenAsync(live))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await beforeErasure(ingest);
            await bench.RunAsync((await bench.ApprovedAsync()).Id);
            return (backup, await bench.Erasure.ListErasedAsync(default));
        }
    }

    [Theory]
    [InlineData(ErasureStep.Freeze)]
    [InlineData(ErasureStep.Collect)]
    [InlineData(ErasureStep.DestroyKey)]
    [InlineData(ErasureStep.Catalog)]
    public async Task Erase_WhileTheCatalogComesToSayAnotherBeginningOfTheStudy_ErasesIt(ErasureStep at)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var erasure = await bench.ApprovedAsync();
        while ((await bench.Erasure.GetAsync(IngestBench.A, erasure.Id, default))!.Value.Step < at) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        await BegunAsync(ingest, TimeSpan.FromSeconds(-1));
        var erased = await bench.RunAsync(erasure.Id);
        Assert.Equal((ErasureStatus.Erased, 2, 1), (erased.Status, erased.Instances, erased.Certificate!.KeysDestroyed.Count));
        Assert.Null(await ingest.Catalog.GetStudyByKeyAsync(IngestBench.A, erasure.StudyKey, default));
        Assert.Empty(await NamesAsync(ingest));
    }

    [Fact]
    public async Task Restore_OfABackup_ErasesAgainAStudyThatWasErasedInstanceByInstance()
    {
        var backup = Path.Combine(_folder, "backup");
        await using (var ingest = await OpenAsync(Path.Combine(_folder, "live")))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await InstitutionAsync(bench);
            await ingest.Send(Slice(1), Slice(2));
        }

        Copy(Path.Combine(_folder, "live"), backup);
        IReadOnlyList<ErasureRecord> list;
        await using (var ingest = await OpenAsync(Path.Combine(_folder, "live")))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal((ErasureStatus.Erased, DeletionLevel.Study), await bench.RunAsync(await bench.ApprovedDeletionAsync("1.2.3.1")) is var erased ? (erased.Status, erased.Level) : default);
            list = await bench.Erasure.ListErasedAsync(default);
        }

        await using (var ingest = await OpenAsync(backup))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal(new ErasureReplay(1, 0, 0), await bench.AtRest.ReplayAsync(list, default));
            Assert.Empty(await bench.ServedAsync());
            Assert.Null(await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
        }
    }

    [Theory]
    [InlineData("1.2.3.1", "1.2.3.1.2", false)]
    [InlineData("1.2.3.1", "1.2.3.1.2", true)]
    [InlineData("1.2.3.2", null, false)]
    public async Task Restore_OfABackup_ErasesSinglyErasedInstancesAgain_AndLeavesWhatWasSentAgainSince(string series, string? instance, bool hiddenInBackup)
    {
        var (live, backup, later) = (Path.Combine(_folder, "live"), Path.Combine(_folder, "backup"), Path.Combine(_folder, "later"));
        var other = TestDicom.Ct(series: "1.2.3.2", sop: "1.2.3.2.9", patient: "P-ERASED", name: Name);
        await using (var ingest = await OpenAsync(live))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await InstitutionAsync(bench);
            await ingest.Send(Slice(1), Slice(2), Slice(3));
            await ingest.SendOne(other);
            if (hiddenInBackup) Assert.NotNull((await bench.DeleteAsync(series, instance)).Record);
            await bench.Holds.SetAsync(IngestBench.A, (await ingest.Study()).StudyKey, HoldKind.Legal, "1", LifecycleBench.By, null, default);
        }

        Copy(live, backup);
        IReadOnlyList<ErasureRecord> list;
        string[] left;
        await using (var ingest = await OpenAsync(live))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            var study = await ingest.Study();
            await bench.Holds.ReleaseAsync(IngestBench.A, study.StudyKey, study.Holds[0].Id, LifecycleBench.By, default);
            var deletion = hiddenInBackup ? (await bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items[0].Value : (await bench.DeleteAsync(series, instance)).Record!;
            var asked = await bench.Requests.RequestAsync(IngestBench.A, study.StudyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default);
            await bench.Requests.ApproveAsync(IngestBench.A, asked.Erasure!.Id, "hospital-a/second", default);
            Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(asked.Erasure.Id)).Status);
            list = await bench.Erasure.ListErasedAsync(default);
            Assert.Single(Assert.Single(list).Marks!);
            Assert.DoesNotContain("1.2.3", System.Text.Json.JsonSerializer.Serialize(list[0] with { Certificate = null }, DocumentJson.Options), StringComparison.Ordinal);
            left = await bench.ServedAsync();

            // The same file, sent again, is another content: a backup with it keeps it.
            ingest.Time.Advance(TimeSpan.FromMinutes(5));
            Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(instance is null ? other : Slice(2))).Kind);
            Assert.Equal(4, (await bench.ServedAsync()).Length);
        }

        Copy(live, later);
        await using (var ingest = await OpenAsync(backup))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.True(await bench.Erased.IsBackAsync(list[0], default));
            Assert.Equal(new ErasureReplay(0, 1, 0), await bench.AtRest.ReplayAsync(list, default));
            Assert.False(await bench.Erased.IsBackAsync(list[0], default));
            Assert.Equal(left, await bench.ServedAsync());
            Assert.Equal(3, (await ingest.Entries(await ingest.Study())).Count);
            foreach (var entry in await ingest.Entries(await ingest.Study())) Assert.Equal(entry.Length, (await ingest.Bytes(entry)).Length);

            // Nobody was reading: what was replaced is gone at once, and the records know of the erasure from now on.
            var packs = (await ingest.Entries(await ingest.Study())).Select(entry => entry.Pack.Name).ToHashSet();
            Assert.All((await NamesAsync(ingest)).Where(name => name.EndsWith(".pack", StringComparison.Ordinal)), name => Assert.Contains(name, packs));
            Assert.Equal(new ErasureReplay(0, 0, 0), await bench.AtRest.ReplayAsync(default));
            Assert.Equal((list[0].Id, ErasureStatus.Erased, 1), Assert.Single(await bench.Erasure.ListErasedAsync(default)) is { } known ? (known.Id, known.Status, known.Instances) : default);
        }

        await using (var ingest = await OpenAsync(later))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal(new ErasureReplay(0, 0, 0), await bench.AtRest.ReplayAsync(list, default));
            Assert.Equal(4, (await bench.ServedAsync()).Length);
        }
    }

    [Fact]
    public async Task Restore_OfAnArchivedStudy_HidesAtOnce_AndTheHostDropsTheBytes()
    {
        var backup = Path.Combine(_folder, "backup");
        await using (var ingest = await OpenAsync(Path.Combine(_folder, "live")))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await InstitutionAsync(bench);
            await ingest.Send(Slice(1), Slice(2));
            await ingest.Commit.PurgeAsync(default);
            Assert.Equal(TierMove.Done, await bench.Tiers.MoveAsync(IngestBench.A, (await ingest.Study()).StudyKey, StorageTier.Archive, default));
        }

        Copy(Path.Combine(_folder, "live"), backup);
        IReadOnlyList<ErasureRecord> list;
        await using (var ingest = await OpenAsync(Path.Combine(_folder, "live")))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            var id = await bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
            while ((await bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step < ErasureStep.Objects)
            {
                if (await bench.Erasure.StepAsync(IngestBench.A, id, default)) continue;
                Assert.Empty(await bench.Erasure.ListErasedAsync(default));
                ingest.Time.Advance(TimeSpan.FromHours(16));
                await bench.Rehydrations.AdvanceAsync(default);
            }

            list = await bench.Erasure.ListErasedAsync(default);
            Assert.Equal(ErasureStatus.Running, Assert.Single(list).Status);
        }

        await using (var ingest = await OpenAsync(backup))
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            Assert.Equal(new ErasureReplay(0, 1, 1), await bench.AtRest.ReplayAsync(list, default));
            Assert.Equal(["1.2.3.1.1"], await bench.ServedAsync());
            for (var i = 0; i < 3 && (await bench.RunAsync(list[0].Id)).Status != ErasureStatus.Erased; i++)
            {
                ingest.Time.Advance(TimeSpan.FromHours(16));
                await bench.Rehydrations.AdvanceAsync(default);
            }

            Assert.Equal(ErasureStatus.Erased, (await bench.Erasure.GetAsync(IngestBench.A, list[0].Id, default))!.Value.Status);
            Assert.Equal("1.2.3.1.1", Assert.Single(await ingest.Entries(await ingest.Study())).SopInstanceUid);
        }
    }
    /// <summary>As a catalog has it that was made again from indexes that do not say when their study was begun.</summary>
    private static async Task BegunAsync(IngestBench ingest, TimeSpan later)
    {
        if ((await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default))?.Value is not { } study) return;
        Assert.Equal(CommitOutcome.Committed, await ingest.Commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { CreatedAt = study.CreatedAt + later }), []), default));
    }
}
