using Skylight.Conformance.Faults;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Ingest over stores that fail before and after their effect: whoever sent a batch sends it again until it is answered, and then everything is there once.</summary>
public sealed class FaultyIngestTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Batch_RepeatedUntilItIsAnswered_IsStoredExactlyOnce(int seed)
    {
        var plan = new FaultPlan(seed, 0.1);
        await using var bench = new IngestBench(wrapStore: store => new FaultyObjectStore(store, plan), wrapCommit: commit => new FaultyCommit(commit, plan));
        var files = Enumerable.Range(1, 12).Select(i => (Sop: $"1.2.3.4.{i}", Bytes: TestDicom.Ct(series: $"1.2.3.{1 + (i % 2)}", sop: $"1.2.3.4.{i}").ToBytes())).ToArray();
        var (tries, outcomes) = (0, default(IReadOnlyList<FileOutcome>));
        while (outcomes is null)
        {
            Assert.True(++tries < 200);
            try
            {
                outcomes = await bench.Send(SourceTrust.Modality, [.. files.Select(file => file.Bytes)]);
            }
            catch (InjectedFaultException)
            {
                // What an activity's retry policy, or a client that got 500, does: the same again.
                continue;
            }
        }

        plan.Active = false;
        Assert.All(outcomes, file => Assert.True(file.Kind is OutcomeKind.Stored or OutcomeKind.Duplicate, $"{file.Kind} after {tries} tries: {plan.Drawn}"));
        var study = await bench.Study();
        Assert.Equal(files.Length, study.Instances());
        var entries = await bench.Entries(study);
        Assert.Equal(files.Select(file => file.Sop).Order(StringComparer.Ordinal), entries.Select(entry => entry.SopInstanceUid).Order(StringComparer.Ordinal));
        foreach (var entry in entries) Assert.Equal(files.Single(file => file.Sop == entry.SopInstanceUid).Bytes, await bench.Bytes(entry));
        var rows = await bench.Catalog.FindInstancesAsync(IngestBench.A, [.. files.Select(file => file.Sop)], default);
        Assert.Equal(files.Length, rows.Count(row => row.State == InstanceState.Current));
    }
}

/// <summary>A commit whose answer is lost has happened all the same: what it names must be there.</summary>
public sealed class LostAnswerTests
{
    [Fact]
    public async Task LargePack_WhenTheAnswerToItsCommitIsLost_StaysWhereTheStudyNamesIt()
    {
        await using var bench = new IngestBench(wrapCommit: inner => new LostAnswer(inner), configure: options => options.SmallPackBytes = 0);
        var slice = TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.1");
        await Assert.ThrowsAsync<IOException>(() => bench.SendOne(slice));
        var entry = Assert.Single(await bench.Entries(await bench.Study()));
        Assert.Equal(slice.ToBytes(), await bench.Bytes(entry));
        Assert.Equal(OutcomeKind.Duplicate, (await bench.SendOne(slice)).Kind);
    }

    private sealed class LostAnswer(ICommit inner) : ICommit
    {
        private bool _lost;

        public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
        {
            var outcome = await inner.CommitAsync(batch, cancellationToken);
            if (_lost) return outcome;
            _lost = true;
            throw new IOException("The answer was lost.");
        }

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
            inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);

        public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
    }
}
