using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Bringing back what was deleted: through lost commits, crashes, and beside the erasure of the same.</summary>
public sealed class RestoreTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync()
    {
        await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await _bench.RegisterAsync();
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData(null, null)]
    [InlineData("1.2.3.1", "1.2.3.1.2")]
    public async Task Restore_ThatLosesEveryCommit_FailsAndIsNotOver(string? series, string? instance)
    {
        var id = (await _bench.DeleteAsync(series, instance)).Record!.Id;
        await using (var losing = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new LosingCommit(inner)))
            await Assert.ThrowsAsync<DocumentConflictException>(() => losing.Deletions.RestoreAsync(IngestBench.A, id, LifecycleBench.By, default));
        Assert.NotEqual(2, (await _bench.ServedAsync()).Length);
        Assert.Equal(DeletionStatus.Restoring, await StatusAsync(id));
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, id, LifecycleBench.By, default));
        Assert.Equal(2, (await _bench.ServedAsync()).Length);
        Assert.Equal(RestoreOutcome.TooLate, await _bench.Deletions.RestoreAsync(IngestBench.A, id, LifecycleBench.By, default));
    }

    [Theory]
    [InlineData(1, null, null)]
    [InlineData(2, null, null)]
    [InlineData(3, null, null)]
    [InlineData(1, "1.2.3.1", "1.2.3.1.2")]
    [InlineData(2, "1.2.3.1", "1.2.3.1.2")]
    [InlineData(3, "1.2.3.1", "1.2.3.1.2")]
    public async Task Restore_KilledAtEveryWrite_IsEndedByTheTimer(int kill, string? series, string? instance)
    {
        var id = (await _bench.DeleteAsync(series, instance)).Record!.Id;
        var writes = 0;
        await using (var dying = Between(() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask))
            await Assert.ThrowsAsync<IOException>(() => dying.Deletions.RestoreAsync(IngestBench.A, id, LifecycleBench.By, default));
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(365 * 40));
        var started = new List<ErasureRecord>();
        await _bench.Upkeep.RunAsync(default);
        Assert.Equal(kill == 1 ? 1 : 0, await _bench.Due.RunAsync(
            (erasure, _) =>
            {
                started.Add(erasure);
                return ValueTask.CompletedTask;
            },
            default));
        if (kill == 1) return;
        Assert.Empty(started);
        Assert.Equal(DeletionStatus.Restored, await StatusAsync(id));
        Assert.Equal(2, (await _bench.ServedAsync()).Length);
    }

    [Theory]
    [InlineData(1, null, null)]
    [InlineData(2, null, null)]
    [InlineData(3, null, null)]
    [InlineData(1, "1.2.3.1", "1.2.3.1.2")]
    [InlineData(2, "1.2.3.1", "1.2.3.1.2")]
    [InlineData(3, "1.2.3.1", "1.2.3.1.2")]
    public async Task Restore_WhileItsErasureBegins_IsTheOneOrTheOther(int at, string? series, string? instance)
    {
        var (deletion, erasure) = await ApprovedAsync(series, instance);
        var writes = 0;
        await using var slow = Between(async () =>
        {
            if (++writes == at) await _bench.RunAsync(erasure);
        });
        Assert.Equal(at == 1 ? RestoreOutcome.TooLate : RestoreOutcome.Restored, await slow.Deletions.RestoreAsync(IngestBench.A, deletion, LifecycleBench.By, default));
        await CheckAsync(deletion, erasure, erased: at == 1, instance);
    }

    [Theory]
    [InlineData(1, null, null)]
    [InlineData(2, null, null)]
    [InlineData(1, "1.2.3.1", "1.2.3.1.2")]
    [InlineData(2, "1.2.3.1", "1.2.3.1.2")]
    public async Task Erase_WhileItIsBroughtBack_IsTheOneOrTheOther(int at, string? series, string? instance)
    {
        var (deletion, erasure) = await ApprovedAsync(series, instance);
        var writes = 0;
        var outcome = RestoreOutcome.Missing;
        await using (var slow = Between(async () =>
        {
            if (++writes == at) outcome = await _bench.Deletions.RestoreAsync(IngestBench.A, deletion, LifecycleBench.By, default);
        }))
        {
            if (at == 1) await Assert.ThrowsAsync<IOException>(() => slow.Erasure.StepAsync(IngestBench.A, erasure, default));
            else await slow.Erasure.StepAsync(IngestBench.A, erasure, default);
        }

        Assert.Equal(at == 1 ? RestoreOutcome.Restored : RestoreOutcome.TooLate, outcome);
        await _bench.RunAsync(erasure);
        await CheckAsync(deletion, erasure, erased: at != 1, instance);
    }

    private async Task CheckAsync(string deletion, string erasure, bool erased, string? instance)
    {
        var record = (await _bench.Erasure.GetAsync(IngestBench.A, erasure, default))!.Value;
        Assert.Equal(erased ? (ErasureStatus.Erased, instance is null ? 2 : 1) : (ErasureStatus.Refused, 0), (record.Status, record.Instances));
        Assert.Equal(erased, record.Certificate is not null);
        Assert.Equal(erased ? DeletionStatus.Erased : DeletionStatus.Restored, await StatusAsync(deletion));
        Assert.Equal(!erased ? ["1.2.3.1.1", "1.2.3.1.2"] : instance is null ? [] : ["1.2.3.1.1"], await _bench.ServedAsync());
    }

    private async Task<(string Deletion, string Erasure)> ApprovedAsync(string? series, string? instance)
    {
        var deletion = (await _bench.DeleteAsync(series, instance)).Record!;
        var asked = (await _bench.Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await _bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default);
        return (deletion.Id, asked.Id);
    }

    private async Task<DeletionStatus> StatusAsync(string deletion) => (await _bench.Deletions.GetAsync(IngestBench.A, deletion, default))!.Value.Status;

    /// <summary>Another host over the same stores, with something between its steps.</summary>
    private LifecycleBench Between(Func<Task> before) =>
        new(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, before), wrapDocuments: inner => new BeforePut(inner, _ => before()));

    /// <summary>Somebody else is first, always.</summary>
    private sealed class LosingCommit(ICommit inner) : ICommit
    {
        public Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken) => Task.FromResult(CommitOutcome.Conflict);

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
            Task.FromResult(CommitOutcome.Conflict);

        public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
    }
}
