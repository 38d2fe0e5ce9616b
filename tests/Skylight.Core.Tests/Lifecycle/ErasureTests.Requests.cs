using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Who and what decides that something is erased.</summary>
public sealed partial class ErasureTests
{
    [Theory]
    [InlineData(null, null)]
    [InlineData("1.2.3.1", "1.2.3.1.2")]
    public async Task Erase_OfAStudyWhoseHoldsNobodyKnows_WaitsForASecondPerson(string? series, string? instance)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var deletion = (await bench.DeleteAsync(series, instance)).Record!;
        ingest.Time.Advance(TimeSpan.FromDays(365 * 40));
        var running = (await AskAsync())!;
        Assert.Equal((ErasureStatus.Running, false), (running.Status, running.NeedsApproval));

        // As a catalog has it that was made again from the archive alone, before the first step or at the last before anything is destroyed.
        foreach (var steps in (int[])[0, 1, 2])
        {
            for (var step = 0; step < steps; step++) await bench.Erasure.StepAsync(IngestBench.A, running.Id, default);
            ingest.Time.Advance(TimeSpan.FromMinutes(1));
            var study = await ingest.Study();
            await ingest.Commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { HoldsUnknownSince = ingest.Time.GetUtcNow() }), []), default);
            var asked = await bench.RunAsync(running.Id);
            Assert.Equal((ErasureStatus.Requested, true, null, ErasureStep.Freeze), (asked.Status, asked.NeedsApproval, asked.DecidedBy, asked.Step));
            Assert.Equal((asked.Id, ErasureStatus.Requested), await AskAsync() is { } again ? (again.Id, again.Status) : default);
            Assert.Equal(DeletionStatus.Hidden, (await bench.Deletions.GetAsync(IngestBench.A, deletion.Id, default))!.Value.Status);
            ingest.Time.Advance(TimeSpan.FromMinutes(1));
            Assert.Null((await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default)).Refusal);
        }

        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(running.Id)).Status);
        Assert.Equal(instance is null ? [] : ["1.2.3.1.1"], await bench.ServedAsync());

        async Task<ErasureRecord?> AskAsync() =>
            (await bench.Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.RetentionExpired, null, LifecycleBench.By, false, deletion, default)).Erasure;
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
}
