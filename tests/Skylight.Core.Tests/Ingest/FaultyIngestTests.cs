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
