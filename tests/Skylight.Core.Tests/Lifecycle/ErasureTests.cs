using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Ingest;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Statistics;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What is erased is nowhere, can be received anew, stays erased through crashes and restores, and is certified.</summary>
public sealed partial class ErasureTests : IDisposable
{
    private const string Name = "Quxiaoming^Erased";
    private const string NameZh = "屈晓明";
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TestDicom Slice(int number, string study = "1.2.3", string patient = "P-ERASED") =>
        TestDicom.Ct(study: study, series: $"{study}.1", sop: $"{study}.1.{number}", patient: patient, name: $"{Name}={NameZh}");

    [Fact]
    public async Task Erase_LeavesNothingOfThePatientOnDisk()
    {
        await using (var ingest = await OpenAsync())
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await ingest.Send(Slice(1), Slice(2));
            await ingest.SendOne(Slice(1).With(file => file.Pixels = [7, 7, 7, 7]));
            await ingest.SendOne(Slice(3).Set(0x00081030, "LO", "rewritten"));
            await ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER", name: "Wang^Other"));
            await bench.Reports.WriteAsync(IngestBench.A, "up1", 0, new UploadReportPart { Received = 2, Stored = 2, Series = [new("1.2.3", "1.2.3.1", 2), new("1.9", "1.9.1", 1)] }, default);
            Assert.NotEmpty(Found(Name, "P-ERASED"));

            var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
            Assert.Equal((ErasureStatus.Erased, 3, 1, true), (erased.Status, erased.Instances, erased.IntakeItems, erased.PatientErased));
            Assert.Null(await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
            Assert.Empty(await ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], default));
            Assert.Equal(["1.9"], (await bench.Reports.ReadAsync(IngestBench.A, "up1", default)).Studies.Select(study => study.StudyInstanceUid));
            Assert.Equal(1, (await ingest.Study("1.9")).Instances());
            Assert.Empty(await ingest.Keys.IdsAsync(IngestBench.A, erased.StudyKey, default));

            // While the host runs, not only once its files are closed.
            Assert.Empty(Found(Name, "quxiaoming", NameZh, "P-ERASED", "1.2.3.1.2"));
        }

        Assert.Empty(Found(Name, "quxiaoming", NameZh, "P-ERASED", "1.2.3.1.2"));
        Assert.NotEmpty(Found("Wang^Other"));
    }

    [Fact]
    public async Task Erase_IsCertified_AndTheCertificateCannotBeChanged()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var keys = await ingest.Keys.IdsAsync(IngestBench.A, (await ingest.Study()).StudyKey, default);
        var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
        var certificate = erased.Certificate!;
        Assert.True(await certificate.IsGenuineAsync(ingest.Secrets, default));
        Assert.False(await (certificate with { Instances = 1 }).IsGenuineAsync(ingest.Secrets, default));
        Assert.False(await (certificate with { Mac = new string('0', 64) }).IsGenuineAsync(ingest.Secrets, default));
        Assert.Equal(keys, certificate.KeysDestroyed);
        Assert.Equal((LifecycleBench.By, "hospital-a/second", 1L), (certificate.RequestedBy, certificate.ApprovedBy, certificate.AuditSequence));
        var entry = Assert.Single(bench.Audit.Events);
        Assert.Equal(("erasure.done", erased.Id, erased.StudyKey), (entry.Action, entry.Object, entry.StudyKey));
        Assert.DoesNotContain(Name, System.Text.Json.JsonSerializer.Serialize(erased, DocumentJson.Options), StringComparison.Ordinal);
        Assert.DoesNotContain("1.2.3", System.Text.Json.JsonSerializer.Serialize(erased with { Certificate = null }, DocumentJson.Options), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Erase_KilledAtEveryWrite_GoesOnAndEnds()
    {
        for (var kill = 1; ; kill++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_folder, $"{kill}")).FullName;
            var writes = 0;
            string id;
            await using (var ingest = await OpenAsync(folder))
            {
                await using var bench = new LifecycleBench(ingest: ingest);
                await ingest.Send(Slice(1), Slice(2));
                id = (await bench.ApprovedAsync()).Id;
            }

            await using (var ingest = await OpenAsync(folder, store => new DyingStore(store, () => ++writes >= kill)))
            {
                await using var bench = new LifecycleBench(
                    ingest: ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync()));
                try
                {
                    await bench.RunAsync(id);
                    Assert.True(kill > 3);
                    return;
                }
                catch (IOException)
                {
                    // Killed: the next process goes on.
                }
            }

            await using (var ingest = await OpenAsync(folder))
            {
                await using var bench = new LifecycleBench(ingest: ingest);
                Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(id)).Status);
                Assert.Null(await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
                Assert.Empty(await ingest.Objects());
                Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(1))).Kind);
            }

            Assert.True(kill < 60);

            Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_IsAnnounced_AndCountedNoMore(bool hiddenBefore)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await InstitutionAsync(bench);
        await ingest.Send(Slice(1).Set(0x00080020, "DA", "20260101"), Slice(2).Set(0x00080020, "DA", "20260101"));
        var keeper = new StatisticsKeeper(ingest.Catalog, ingest.Documents, bench.Institutions, ingest.Time, NullLogger<StatisticsKeeper>.Instance);
        var key = (await ingest.Study()).StudyKey;
        await keeper.MarkAsync(IngestBench.A, key, default);
        await keeper.CountMarkedAsync(default);
        Assert.Equal("20260101", Assert.Single(await keeper.DaysAsync(IngestBench.A, default)).Day);

        // Nobody has come by to publish before the document goes.
        var deletion = hiddenBefore ? (await bench.DeleteAsync()).Record : null;
        var asked = (await bench.Requests.RequestAsync(IngestBench.A, key, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(asked.Id)).Status);
        Assert.Single(bench.Published.Events, item => item.Type == StudyEventTypes.Deleted && item.Subject == $"studies/{key}");
        await keeper.CountMarkedAsync(default);
        Assert.Empty(await keeper.DaysAsync(IngestBench.A, default));
    }

    [Fact]
    public async Task Receive_AfterErasure_IsANewStudyUnderANewKey_WhichARepetitionLeavesAlone()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
        ingest.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(1))).Kind);
        var fresh = await ingest.Keys.IdsAsync(IngestBench.A, erased.StudyKey, default);
        Assert.Empty(fresh.Intersect(erased.Keys));
        await InstitutionAsync(bench);
        Assert.Equal(new ErasureReplay(0, 0, 0), await bench.Erasure.ReplayAsync(default));
        Assert.Equal(["1.2.3.1.1"], await bench.ServedAsync());
        Assert.NotEmpty(await bench.MetadataAsync());
    }

    [Fact]
    public async Task Receive_WithABatchThatWasOpenDuringTheErasure_FailsRatherThanLosing()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1));
        await using var open = ingest.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        await open.AddInstanceAsync(Slice(2).ToStream(), new IngestName("2"), default);
        await bench.RunAsync((await bench.ApprovedAsync()).Id);
        await Assert.ThrowsAsync<IOException>(() => open.CommitAsync(default));
        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(2))).Kind);
        Assert.Equal(["1.2.3.1.2"], await bench.ServedAsync());
    }

    [Fact]
    public async Task Restore_OfABackup_IsFollowedByTheErasureList()
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
            await bench.RunAsync((await bench.ApprovedAsync()).Id);
            list = await bench.Erasure.ListErasedAsync(default);
            Assert.Single(list);
        }

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

    [Fact]
    public async Task Request_HoldAndRetentionDecide_AndASecondPersonApproves()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.SendOne(Slice(1));
        var key = (await ingest.Study()).StudyKey;
        await bench.Holds.SetEncounterAsync(IngestBench.A, key, EncounterKind.Outpatient, null, default);
        var retained = await AskAsync(ErasureBasis.SubjectRequest);
        Assert.Equal((ErasureRefusal.Retained, "RET-OUTPATIENT", new DateOnly(2041, 3, 1)), (retained.Refusal, retained.Retention!.Rule, retained.Retention.Until));

        var asked = (await AskAsync(ErasureBasis.ReceivedInError)).Erasure!;
        Assert.Equal((ErasureStatus.Requested, true), (asked.Status, asked.NeedsApproval));
        Assert.Equal(asked.Id, (await AskAsync(ErasureBasis.ReceivedInError)).Erasure!.Id);
        Assert.False(await bench.Erasure.StepAsync(IngestBench.A, asked.Id, default));
        Assert.Equal(ErasureRefusal.SamePerson, (await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, LifecycleBench.By, default)).Refusal);
        var hold = (await bench.Holds.SetAsync(IngestBench.A, key, HoldKind.Legal, "7", LifecycleBench.By, null, default))!.Value.Hold!;
        Assert.Equal(ErasureRefusal.OnHold, (await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default)).Refusal);
        await bench.Holds.ReleaseAsync(IngestBench.A, key, hold.Id, LifecycleBench.By, default);
        Assert.Null((await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default)).Refusal);

        // A hold that comes after the approval stops it still.
        await bench.Holds.SetAsync(IngestBench.A, key, HoldKind.Legal, "8", LifecycleBench.By, null, default);
        Assert.Equal(ErasureStatus.Refused, (await bench.RunAsync(asked.Id)).Status);
        Assert.Equal(["1.2.3.1.1"], await bench.ServedAsync());

        Task<ErasureResult> AskAsync(ErasureBasis basis) => bench.Requests.RequestAsync(IngestBench.A, key, basis, null, LifecycleBench.By, false, null, default);
    }

    [Fact]
    public async Task Request_ByTwoAtTheSameMoment_IsOneRequest_AndANewOneAfterARefusal()
    {
        await using var ingest = await OpenAsync();
        await using var second = new LifecycleBench(ingest: ingest);
        await ingest.SendOne(Slice(1));
        var key = (await ingest.Study()).StudyKey;

        // The other request comes between looking for an open one and writing this one.
        ErasureResult? between = null;
        await using var first = new LifecycleBench(ingest: ingest, wrapDocuments: inner => new BeforePut(inner, async value =>
        {
            if (value is ErasureRecord && between is null) between = await AskAsync(second, "hospital-a/second");
        }));
        var asked = (await AskAsync(first, LifecycleBench.By)).Erasure!;
        Assert.Equal((between!.Erasure!.Id, "hospital-a/second"), (asked.Id, asked.RequestedBy));
        Assert.Single((await first.Requests.ListAsync(IngestBench.A, ErasureStatus.Requested, 10, null, default)).Items);

        await first.Requests.RefuseAsync(IngestBench.A, asked.Id, LifecycleBench.By, default);
        between = null;
        var again = (await AskAsync(first, LifecycleBench.By)).Erasure!;
        Assert.NotEqual(asked.Id, again.Id);
        Assert.Equal(between!.Erasure!.Id, again.Id);
        Assert.Single((await first.Requests.ListAsync(IngestBench.A, ErasureStatus.Requested, 10, null, default)).Items);

        Task<ErasureResult> AskAsync(LifecycleBench bench, string by) => bench.Requests.RequestAsync(IngestBench.A, key, ErasureBasis.ReceivedInError, null, by, false, null, default);
    }

    [Fact]
    public async Task Destroying_IsKnown_BehindHundredsOfEndedErasures()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.SendOne(Slice(1));
        var running = (await bench.ApprovedAsync()) with { Id = "zz", Step = ErasureStep.DestroyKey, Destroying = true };
        for (var number = 0; number < 200; number++) await PutAsync(running with { Id = $"{number:000}", Status = ErasureStatus.Refused });
        var study = (await ingest.Study()) with { Hidden = true };
        Assert.False(await ErasureRequests.IsDestroyingAsync(ingest.Documents, study, default));
        await PutAsync(running);
        Assert.True(await ErasureRequests.IsDestroyingAsync(ingest.Documents, study, default));

        async Task PutAsync(ErasureRecord record) => await ingest.Documents.PutAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, record.Id), record, Match.None, ErasureRequests.Terms(record), default);
    }

    [Fact]
    public async Task Due_AfterDelayAndRetention_ErasesWhatWasDeleted_NotBefore()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await InstitutionAsync(bench);
        await ingest.SendOne(Slice(1));
        await bench.Holds.SetEncounterAsync(IngestBench.A, (await ingest.Study()).StudyKey, EncounterKind.Outpatient, null, default);
        var deleted = (await bench.DeleteAsync()).Record!;
        ErasureRecord? started = null;
        ingest.Time.Advance(TimeSpan.FromDays(31));
        Assert.Equal(0, await RunAsync());
        ingest.Time.Advance(TimeSpan.FromDays(365.25 * 15));
        Assert.Equal(1, await RunAsync());
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(started!.Id)).Status);
        Assert.Equal(DeletionStatus.Erased, (await bench.Deletions.GetAsync(IngestBench.A, deleted.Id, default))!.Value.Status);
        Assert.Null((await bench.Deletions.GetAsync(IngestBench.A, deleted.Id, default))!.Value.StudyInstanceUid);
        Assert.Equal(RestoreOutcome.TooLate, await bench.Deletions.RestoreAsync(IngestBench.A, deleted.Id, LifecycleBench.By, default));
        Assert.Equal(0, await RunAsync());

        Task<int> RunAsync() => bench.Due.RunAsync(
            (erasure, _) =>
            {
                started = erasure;
                return ValueTask.CompletedTask;
            },
            default);
    }

    [Fact]
    public async Task Erase_ObjectWrittenAfterTheListWasMade_GoesToo()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var erasure = await bench.ApprovedAsync();
        SmallObject late;
        using (var key = await ingest.Keys.GetOrCreateAsync(IngestBench.A, erasure.StudyKey, default))
            late = SealedObjectWriter.Seal(SealedName.Folder(IngestBench.A, erasure.StudyKey), key, SealedType.Preview, SealOptions.Default, "late"u8).Object;
        while ((await ingest.Keys.IdsAsync(IngestBench.A, erasure.StudyKey, default)).Count > 0) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        using (late) await late.StoreAsync(ingest.Store, default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);
        Assert.Empty(await NamesAsync(ingest));
    }

    private async Task<IngestBench> OpenAsync(string? folder = null, Func<IObjectStore, IObjectStore>? wrap = null)
    {
        Directory.CreateDirectory(folder ?? _folder);
        var bench = new IngestBench(folder ?? _folder, journal: true, wrapStore: wrap);
        await bench.StartAsync();
        return bench;
    }

    private static async Task InstitutionAsync(LifecycleBench bench) =>
        await bench.Institutions.PutAsync(new Institution(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);

    private static async Task<List<string>> NamesAsync(IngestBench ingest)
    {
        var names = new List<string>();
        await foreach (var name in ingest.Store.ListAsync("", default)) names.Add(name);
        return names;
    }

    /// <summary>Files of the data folder that have any of these texts in them, free pages and logs included.</summary>
    private List<string> Found(params string[] texts) =>
        [.. Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock" && texts.Any(text => Contains(file, text)))];

    private static bool Contains(string file, string text)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    /// <summary>Fails before a deletion once its time has come.</summary>
    private sealed class DyingStore(IObjectStore inner, Func<bool> dies) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) =>
            dies() ? throw new IOException("The process died here.") : inner.DeleteAsync(name, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);
    }
}
