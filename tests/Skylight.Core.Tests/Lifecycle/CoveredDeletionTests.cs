using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>A rejection note about what another deletion hides already: its deletion hides nothing until that one is taken back, and ends with it otherwise.</summary>
public sealed class CoveredDeletionTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync()
    {
        await _bench.RegisterAsync();
        await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        await SendAsync("1.2.4.9.1");
        await SendAsync("1.2.4.9.2");
        _bench.Ingest.Time.Advance(TimeSpan.FromMinutes(10));
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task List_OfWhatCanBeBroughtBack_HasNoDeletionThatHidesNothing()
    {
        Assert.Equal("1.2.4.9.1", Assert.Single(await ListAsync(DeletionStatus.Hidden)).RejectionNote);
        Assert.Equal(("1.2.4.9.2", 0), Assert.Single(await ListAsync(DeletionStatus.Covered)) is var covered ? (covered.RejectionNote, covered.Instances) : default);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task FirstGround_TakenBack_MakesItADeletionLikeOthers_AlsoWhenAHostIsKilledAtThat(int kill)
    {
        var (first, covered) = await BothAsync();
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(60));
        var writes = 0;
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync())))
        {
            var restore = dying.Deletions.RestoreAsync(IngestBench.A, first.Id, LifecycleBench.By, default);
            if (kill < 5) await Assert.ThrowsAsync<IOException>(() => restore);
            else Assert.Equal(RestoreOutcome.Restored, await restore);
        }

        if (kill == 1) Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, first.Id, LifecycleBench.By, default));
        _bench.Ingest.Time.Advance(TimeSpan.FromMinutes(6));
        await _bench.Upkeep.RunAsync(default);
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
        var now = (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value;
        Assert.Equal((DeletionStatus.Hidden, 1), (now.Status, now.Instances));
        Assert.True(now.EraseAfter > _bench.Ingest.Time.GetUtcNow().AddDays(29));
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, covered.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2"], await _bench.ServedAsync());

        Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;
    }

    [Fact]
    public async Task TakenBackItself_ItIsAGroundNoMore()
    {
        var (first, covered) = await BothAsync();
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, covered.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
        await _bench.Deletions.RestoreAsync(IngestBench.A, first.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task FirstGround_Erased_EndsIt()
    {
        var (first, covered) = await BothAsync();
        await EraseAsync(first);
        var ended = (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value;
        Assert.Equal((DeletionStatus.Erased, null, null), (ended.Status, ended.StudyInstanceUid, ended.RejectionNote));
        Assert.NotNull(ended.EndedAt);
        Assert.Empty(await ListAsync(DeletionStatus.Covered));
    }

    [Fact]
    public async Task ItsNote_Erased_EndsItWithTheNextRound_AndTheFirstGroundStands()
    {
        var (first, covered) = await BothAsync();
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync((await _bench.ApprovedAsync("1.2.4")).Id)).Status);
        await RoundAsync();
        Assert.Equal(DeletionStatus.Covered, (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value.Status);
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(31));
        await RoundAsync();
        Assert.Equal(DeletionStatus.Erased, (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value.Status);
        Assert.Equal(DeletionStatus.Hidden, (await _bench.Deletions.GetAsync(IngestBench.A, first.Id, default))!.Value.Status);
    }

    [Fact]
    public async Task OneThatAnEarlierVersionCalledHidden_IsCovered_AndLookedAtOnceADay()
    {
        var (first, covered) = await BothAsync();
        var key = new DocumentKey(IngestBench.A, DeletionRecord.Type, covered.Id);
        await _bench.Ingest.Documents.PutAsync(key, covered with { Status = DeletionStatus.Hidden }, Match.Any, [$"status:{DeletionStatus.Hidden}", $"study:{covered.StudyKey}"], default);
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(31));
        await RoundAsync();
        var now = (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value;
        Assert.Equal((DeletionStatus.Covered, true), (now.Status, now.EraseAfter > _bench.Ingest.Time.GetUtcNow()));
        await EraseAsync(first);
        Assert.Equal(DeletionStatus.Erased, (await _bench.Deletions.GetAsync(IngestBench.A, covered.Id, default))!.Value.Status);
    }

    private Task<int> RoundAsync() => _bench.Due.RunAsync((_, _) => ValueTask.CompletedTask, default);

    private async Task EraseAsync(DeletionRecord deletion)
    {
        var asked = (await _bench.Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await _bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default);
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync(asked.Id)).Status);
    }

    private async Task<(DeletionRecord First, DeletionRecord Covered)> BothAsync() => (Assert.Single(await ListAsync(DeletionStatus.Hidden)), Assert.Single(await ListAsync(DeletionStatus.Covered)));

    /// <summary>Deletions in the study that the notes are about.</summary>
    private async Task<List<DeletionRecord>> ListAsync(DeletionStatus status)
    {
        var key = (await _bench.Ingest.Study()).StudyKey;
        return [.. (await _bench.Deletions.ListAsync(IngestBench.A, status, 50, null, default)).Items.Select(item => item.Value).Where(record => record.StudyKey == key)];
    }

    private async Task SendAsync(string note) => Assert.Single(await _bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf("113037", "DCM", note, ["1.2.3.1.1"], study: "1.2.4")));
}
