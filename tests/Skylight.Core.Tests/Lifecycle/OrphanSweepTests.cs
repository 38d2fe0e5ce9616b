using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>The sweep removes what nothing names, and nothing else, however slow an ingest is.</summary>
public sealed class OrphanSweepTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();
    private OrphanSweep _sweep = null!;

    public async ValueTask InitializeAsync()
    {
        _sweep = new OrphanSweep(
            _bench.Ingest.Catalog, _bench.Ingest.Documents, _bench.Ingest.Store, _bench.Ingest.Parts, _bench.Ingest.Items, _bench.Retired, _bench.Ingest.Keys, Options.Create(_bench.Options), _bench.Ingest.Time,
            NullLogger<OrphanSweep>.Instance);
        await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Sweep_RemovesADayAfterItWasSeen_AndLeavesEverythingNamed()
    {
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1).With(file => file.Pixels = [9, 9, 9, 9]));
        await _bench.Ingest.Send(SourceTrust.Other, "quarantined bytes"u8.ToArray());
        await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2");
        var named = await _bench.Ingest.Objects();
        var orphan = await OrphanAsync((await _bench.Ingest.Study()).StudyKey);
        var nobodys = await OrphanAsync("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        var first = await _sweep.RunAsync(null, default);
        Assert.Equal((named.Count + 2, 0), (first.Looked, first.Removed));
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(23));
        Assert.Equal(0, (await _sweep.RunAsync(null, default)).Removed);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal(2, (await _sweep.RunAsync(null, default)).Removed);
        var left = await _bench.Ingest.Objects();
        Assert.DoesNotContain(orphan, left);
        Assert.DoesNotContain(nobodys, left);
        Assert.Equal(named.Order(StringComparer.Ordinal), left.Order(StringComparer.Ordinal));
        Assert.Equal(["1.2.3.1.1"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Sweep_DuringAnIngestThatTakesLong_LosesNothing()
    {
        await using var batch = _bench.Ingest.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        await batch.AddInstanceAsync(LifecycleBench.Slice(5).With(file => file.Pixels = new byte[3 << 20]).ToStream(), new IngestName("5"), default);
        await _sweep.RunAsync(null, default);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(23));
        await batch.CommitAsync(default);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(23));
        Assert.Equal((0, 0), await _sweep.RunAsync(null, default) is var report ? (report.Waiting, report.Removed) : default);
        foreach (var entry in await _bench.Ingest.Entries(await _bench.Ingest.Study())) Assert.NotEmpty(await _bench.Ingest.Bytes(entry));
    }

    [Fact]
    public async Task Sweep_OfAStudyThatTheCatalogHasLost_RemovesNothingWhileItsKeyIsThere()
    {
        var study = await _bench.Ingest.Study();
        var objects = await _bench.Ingest.Objects();
        await _bench.Ingest.Catalog.RemoveAsync(IngestBench.A, study.StudyKey, study.ETag(), ["1.2.3.1.1", "1.2.3.1.2"], default);
        await _sweep.RunAsync(null, default);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(0, (await _sweep.RunAsync(null, default)).Removed);
        Assert.Equal(objects, await _bench.Ingest.Objects());

        // What an erasure left is nobody's: its key is gone.
        await _bench.Ingest.KeyRecords.DeleteAsync(IngestBench.A, study.StudyKey, default);
        Assert.Equal(objects.Count, (await _sweep.RunAsync(null, default)).Removed);
    }

    /// <summary>As after a rebuild that could not read it: what it describes is named by nothing any more.</summary>
    [Theory]
    [InlineData(".index")]
    [InlineData(".metadata")]
    public async Task Sweep_OfAFolderWithADamagedIndexThatNothingNames_RemovesNothingUntilItIsWhole(string kind)
    {
        var study = await _bench.Ingest.Study();
        var name = (await _bench.Ingest.Objects()).First(name => name.EndsWith(kind, StringComparison.Ordinal));
        var objects = await _bench.Ingest.Objects();
        var bare = study with { Series = [.. study.Series.Select(series => series with { Parts = [] })] };
        Assert.Equal(CommitOutcome.Committed, await _bench.Ingest.Commit.CommitAsync(new CommitBatch(StudyChange.Of(study, bare, []), []), default));
        Flip(name);
        await _sweep.RunAsync(null, default);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(0, (await _sweep.RunAsync(null, default)).Removed);
        Assert.Equal(objects, await _bench.Ingest.Objects());
        Flip(name);
        Assert.Equal(objects.Count, (await _sweep.RunAsync(null, default)).Removed);
    }

    [Fact]
    public async Task Sweep_OfAnIndexUnderADestroyedKey_OfAStudyThatHasComeAgain_RemovesIt()
    {
        var name = (await _bench.Ingest.Objects()).First(name => name.EndsWith(".index", StringComparison.Ordinal));
        var path = Path.Combine(_bench.Ingest.DataFolder, "objects", name);
        var bytes = await File.ReadAllBytesAsync(path);
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync((await _bench.ApprovedAsync()).Id)).Status);
        _bench.Ingest.Time.Advance(TimeSpan.FromMinutes(1));
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1));
        await File.WriteAllBytesAsync(path, bytes);
        await _sweep.RunAsync(null, default);
        _bench.Ingest.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(1, (await _sweep.RunAsync(null, default)).Removed);
        Assert.False(File.Exists(path));
        Assert.Equal(["1.2.3.1.1"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Sweep_SlicesTogether_SeeEveryFolderOnce()
    {
        var objects = (await _bench.Ingest.Objects()).Count;
        var looked = 0;
        for (var slice = 0; slice < OrphanSweep.Slices; slice++) looked += (await _sweep.RunAsync(slice, default)).Looked;
        Assert.Equal(objects, looked);
    }

    private async Task<string> OrphanAsync(string folder)
    {
        using var key = await _bench.Ingest.Keys.GetOrCreateAsync(IngestBench.A, folder, default);
        await using var pack = PackWriter.Create(_bench.Ingest.Store, SealedName.Folder(IngestBench.A, folder), key, SealOptions.Default, keepBytes: 0);
        await pack.AppendAsync("left by a crash"u8.ToArray(), default);
        return (await pack.CommitAsync(default)).Item1.Name;
    }

    private void Flip(string name)
    {
        var path = Path.Combine(_bench.Ingest.DataFolder, "objects", name);
        var bytes = File.ReadAllBytes(path);
        bytes[^20] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
