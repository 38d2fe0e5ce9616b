using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Rejection notes at an institution that does not hide what must be kept: the timer carries them out when the retention is over.</summary>
public sealed class RetainedRejectionTests : IAsyncLifetime
{
    private const string Note = "1.2.3.9.1";
    private static readonly TimeSpan s_retention = TimeSpan.FromDays(365.25 * 31);
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync()
    {
        _bench.Ingest.Lifecycle.Institutions[IngestBench.A] = new InstitutionLifecycle { RefuseDeletionWithinRetention = true };
        await _bench.RegisterAsync();
        await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData("113001", true)]
    [InlineData("113037", false)]
    [InlineData("113039", false)]
    public async Task Note_WhoseStudyMustBeKept_IsCarriedOutOnceWhenThatIsOver(string code, bool noteServed)
    {
        Assert.Contains("rejection-not-applied", (await SendAsync(code, "1.2.3.1.1")).Findings);
        await RoundAfterAsync(TimeSpan.FromDays(8));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", Note], await _bench.ServedAsync());
        Assert.Single(await WaitingAsync());

        await RoundAfterAsync(s_retention);
        Assert.Equal(noteServed ? ["1.2.3.1.2", Note] : ["1.2.3.1.2"], await _bench.ServedAsync());
        var record = Assert.Single(await HiddenAsync());
        Assert.Equal(("node:ct1", Note), (record.By, record.RejectionNote));
        var entry = Assert.Single(_bench.Audit.Events, entry => entry.Action == "deletion.reject");
        Assert.Equal((record.Id, true), (entry.Object, entry.RuleIds.Contains("waitedFor:retention")));
        Assert.Contains(entry.RuleIds, detail => detail.StartsWith("note:", StringComparison.Ordinal) && !detail.Contains(Note, StringComparison.Ordinal));
        Assert.Empty(await WaitingAsync());

        // What somebody brings back stays.
        await _bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default);
        await RoundAfterAsync(TimeSpan.FromDays(8));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", Note], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_OfAnotherStudy_IsCarriedOutWhereItNamesSomething()
    {
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        Assert.Single(await _bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf("113037", "DCM", "1.2.4.9.1", ["1.2.3.1.1"], study: "1.2.4")));
        Assert.Equal(2, (await WaitingAsync()).Count);
        await RoundAfterAsync(s_retention);
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
        Assert.Empty(await WaitingAsync());
    }

    [Fact]
    public async Task Note_SentAgainWhileItWaits_WaitsOnce()
    {
        for (var i = 0; i < 3; i++)
        {
            await SendAsync("113037", "1.2.3.1.1");
            _bench.Ingest.Time.Advance(TimeSpan.FromDays(2));
        }

        Assert.Single(await WaitingAsync());
    }

    [Fact]
    public async Task Note_WhoseStudyComesOnHoldMeanwhile_IsCarriedOutByTheRelease()
    {
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        Assert.Single(await _bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf("113037", "DCM", "1.2.4.9.1", ["1.2.3.1.1"], study: "1.2.4")));
        var key = (await _bench.Ingest.Study()).StudyKey;
        await _bench.Holds.SetAsync(IngestBench.A, key, HoldKind.Dispute, "7", LifecycleBench.By, "h1", default);
        await RoundAfterAsync(s_retention);
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2"], await _bench.ServedAsync());

        var released = await _bench.Releases.ReleaseAsync(IngestBench.A, key, "h1", LifecycleBench.By, default);
        await _bench.Releases.ApplyWaitingAsync(released!.Value.Study, "h1", LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
        await RoundAfterAsync(TimeSpan.FromDays(8));
        Assert.Empty(await WaitingAsync());
    }

    [Fact]
    public async Task Note_WhereTheInstitutionHidesAfterAll_IsCarriedOutWithinAWeek()
    {
        await SendAsync("113037", "1.2.3.1.1");
        _bench.Ingest.Lifecycle.Institutions.Clear();
        await RoundAfterAsync(TimeSpan.FromDays(7));
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_ThatIsErasedMeanwhile_WaitsNoMore()
    {
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        await _bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf("113037", "DCM", "1.2.4.9.1", ["1.2.3.1.1"], study: "1.2.4"));
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync((await _bench.ApprovedAsync("1.2.4")).Id)).Status);
        Assert.Empty(await WaitingAsync());
        await RoundAfterAsync(s_retention);
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2"], await _bench.ServedAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Round_KilledAtAnyWrite_IsEndedByALaterOne(int kill)
    {
        await SendAsync("113037", "1.2.3.1.1");
        _bench.Ingest.Time.Advance(s_retention);
        var writes = 0;
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync())))
            await dying.Upkeep.RunAsync(default);
        Assert.Equal(Math.Min(kill, 3), writes);
        await RoundAfterAsync(TimeSpan.FromDays(1));
        Assert.Equal(["1.2.3.1.2"], await _bench.ServedAsync());
        Assert.Single(await HiddenAsync());
        Assert.Empty(await WaitingAsync());

        Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;
    }

    [Fact]
    public async Task Round_LooksAtThoseThatAreDue_AsManyAsItTakes_AndOneThatFailsKeepsNobodyWaiting()
    {
        await SendAsync("113037", "1.2.3.1.1");
        for (var i = 0; i < 250; i++)
        {
            var waiting = new RetainedRejection(1, $"gone{i:D3}", "gone", "n", "node:ct1", _bench.Ingest.Time.GetUtcNow());
            await _bench.Ingest.Documents.PutAsync(new(IngestBench.A, RetainedRejection.Type, $"19990101.gone{i:D3}.n"), waiting, Match.None, [$"waits:gone{i:D3}.n"], default);
        }

        // The first 200 fail: they go behind the others.
        await using (var failing = new LifecycleBench(ingest: _bench.Ingest, wrapDocuments: inner => new FailingDeletes(inner)))
            await failing.Upkeep.RunAsync(default);
        await _bench.Upkeep.RunAsync(default);
        var left = await WaitingAsync();
        Assert.Equal(201, left.Count);
        Assert.DoesNotContain(left, item => item.Id.StartsWith("1999", StringComparison.Ordinal));

        await RoundAfterAsync(TimeSpan.FromDays(1));
        Assert.Equal("1.2.3", (await _bench.Ingest.Catalog.GetStudyByKeyAsync(IngestBench.A, Assert.Single(await WaitingAsync()).Value.StudyKey, default))!.Value.StudyInstanceUid);
        Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
    }

    private Task RoundAfterAsync(TimeSpan time)
    {
        _bench.Ingest.Time.Advance(time);
        return _bench.Upkeep.RunAsync(default);
    }

    private async Task<FileOutcome> SendAsync(string code, params string[] rejected) =>
        Assert.Single(await _bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf(code, "DCM", Note, rejected)));

    private async Task<List<DeletionRecord>> HiddenAsync() => [.. (await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items.Select(item => item.Value)];

    private async Task<IReadOnlyList<Stored<RetainedRejection>>> WaitingAsync() =>
        (await _bench.Ingest.Documents.ListAsync<RetainedRejection>(IngestBench.A, RetainedRejection.Type, null, 1000, null, default)).Items;

    /// <summary>Documents of which those that are put off cannot be deleted.</summary>
    private sealed class FailingDeletes(IDocuments inner) : IDocuments
    {
        public ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class => inner.GetAsync<T>(key, cancellationToken);

        public ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class =>
            inner.PutAsync(key, value, match, terms, cancellationToken);

        public ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken) =>
            key.Id.StartsWith("1999", StringComparison.Ordinal) ? inner.DeleteAsync(key, match, cancellationToken) : throw new IOException("The store is away.");

        public ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class =>
            inner.ListAsync<T>(pk, type, term, limit, continuation, cancellationToken);
    }
}
