using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What a revision replaced is kept, listed, and can be made current again.</summary>
public sealed class VersionTests : IAsyncLifetime
{
    private static readonly RetrieveTarget s_first = new("1.2.3", "1.2.3.1", "1.2.3.1.1");
    private readonly LifecycleBench _bench = new();
    private InstanceVersions _versions = null!;

    public async ValueTask InitializeAsync()
    {
        _versions = new InstanceVersions(_bench.Ingest.Catalog, _bench.Ingest.Commit, _bench.Ingest.Documents, _bench.Ingest.Parts, _bench.Ingest.Store, _bench.Ingest.Keys, _bench.Ingest.Time);
        await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1).Set(0x00081030, "LO", "rewritten"));
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task List_ShowsEveryRevision_AndEachCanBeRead()
    {
        var list = (await _versions.ListAsync(IngestBench.A, s_first, default))!;
        Assert.Equal([(1, false), (2, true)], list.Select(version => (version.Revision, version.Current)));
        Assert.Equal(LifecycleBench.Slice(1).ToBytes(), await _bench.Ingest.Bytes((await _versions.FindAsync(IngestBench.A, s_first, 1, default))!.Value.Entry));
        Assert.Null(await _versions.FindAsync(IngestBench.A, s_first, 3, default));
        Assert.Null(await _versions.ListAsync(IngestBench.A, s_first with { SopInstanceUid = "1.9" }, default));
        Assert.Single((await _versions.ListAsync(IngestBench.A, s_first with { SopInstanceUid = "1.2.3.1.2" }, default))!);
    }

    [Fact]
    public async Task Restore_MakesAnEarlierVersionCurrent_AndBackAgain()
    {
        Assert.Contains("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
        Assert.Equal(VersionOutcome.Restored, (await _versions.RestoreAsync(IngestBench.A, s_first, 1, default)).Outcome);
        Assert.DoesNotContain("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
        Assert.Equal(VersionOutcome.Current, (await _versions.RestoreAsync(IngestBench.A, s_first, 1, default)).Outcome);
        Assert.Equal(2, (await _bench.Ingest.Study()).Instances());
        var rows = await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1"], default);
        Assert.Equal([(1, InstanceState.Current), (2, InstanceState.Superseded)], rows.Select(row => (row.Revision, row.State)));
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.Ingest.SendOne(LifecycleBench.Slice(1).Set(0x00081030, "LO", "rewritten"))).Kind);
        Assert.Equal(VersionOutcome.Restored, (await _versions.RestoreAsync(IngestBench.A, s_first, 2, default)).Outcome);
        Assert.Contains("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
        Assert.Equal(VersionOutcome.Missing, (await _versions.RestoreAsync(IngestBench.A, s_first, 7, default)).Outcome);
    }

    [Fact]
    public async Task Restore_UnderHold_OrOfADeletedInstance_IsRefused()
    {
        var hold = (await _bench.Holds.SetAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, HoldKind.Legal, "7", LifecycleBench.By, null, default))!.Value.Hold!;
        Assert.Equal(VersionOutcome.OnHold, (await _versions.RestoreAsync(IngestBench.A, s_first, 1, default)).Outcome);
        await _bench.Holds.ReleaseAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, hold.Id, LifecycleBench.By, default);
        await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.1");
        Assert.Equal(VersionOutcome.Missing, (await _versions.RestoreAsync(IngestBench.A, s_first, 1, default)).Outcome);
    }
}
