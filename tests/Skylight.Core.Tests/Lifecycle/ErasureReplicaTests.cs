using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What is destroyed while the disk of the second copies is away goes there too before anybody says that it is gone.</summary>
public sealed class ErasureReplicaTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly IngestBench _ingest = new();
    private readonly FolderObjectStore _replica;
    private readonly LifecycleBench _bench;

    public ErasureReplicaTests()
    {
        _replica = FolderObjectStore.Open(Second, new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, _ingest.Time);
        _bench = new LifecycleBench(ingest: _ingest, replica: _replica);
    }

    private string Second => Path.Combine(_folder, "second");

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        await _ingest.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task OfAStudy_WaitsForTheReplica()
    {
        await _ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await CopyAsync();
        var id = (await _bench.ApprovedAsync()).Id;
        TakeAway();
        await Assert.ThrowsAsync<IOException>(() => _bench.RunAsync(id));
        var waiting = (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value;
        Assert.Equal((ErasureStatus.Running, ErasureStep.Objects), (waiting.Status, waiting.Step));
        Assert.Empty(await _ingest.Keys.IdsAsync(IngestBench.A, waiting.StudyKey, default));

        BringBack();
        Assert.NotEmpty(await CopiesAsync());
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync(id)).Status);
        Assert.Empty(await CopiesAsync());
    }

    [Fact]
    public async Task OfInstances_WaitsForTheReplica_AndSoDoesTheWordThatTheirBytesAreGone()
    {
        await _bench.RegisterAsync();
        await _ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await CopyAsync();
        var packs = (await CopiesAsync()).Where(name => name.EndsWith(".pack", StringComparison.Ordinal)).ToList();
        var id = await _bench.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.2");
        TakeAway();
        await Assert.ThrowsAsync<IOException>(() => _bench.RunAsync(id));
        BringBack();
        var erased = await _bench.RunAsync(id);
        Assert.Equal(ErasureStatus.Erased, erased.Status);
        Assert.True(erased.Objects > 0);

        TakeAway();
        await RoundAsync(TimeSpan.FromHours(26));
        Assert.DoesNotContain((await _ingest.Objects()), packs.Contains);
        Assert.DoesNotContain(_bench.Audit.Events, entry => entry.Action == "erasure.bytes-gone");
        BringBack();
        Assert.Contains(await CopiesAsync(), packs.Contains);
        await RoundAsync(TimeSpan.FromHours(1));
        Assert.DoesNotContain(await CopiesAsync(), packs.Contains);
        Assert.Single(_bench.Audit.Events, entry => entry.Action == "erasure.bytes-gone");
    }

    [Fact]
    public async Task OfAnObjectThatNothingNames_WaitsForTheReplica()
    {
        await _ingest.SendOne(LifecycleBench.Slice(1));
        var name = (await _ingest.Objects()).First(item => item.EndsWith(".pack", StringComparison.Ordinal));
        var orphan = name[..(name.LastIndexOf('/') + 1)] + "0123456789abcdefghjkmnpqrs.pack";
        foreach (var store in (IObjectStore[])[_ingest.Store, _replica])
        {
            await using var writer = await store.CreateAsync(orphan, default);
            await writer.WriteAsync(new byte[100], default);
            await writer.CommitAsync(default);
        }

        var sweep = new OrphanSweep(
            _ingest.Catalog, _ingest.Documents, _ingest.Store, _ingest.Parts, _ingest.Items, _bench.Retired, _ingest.Keys, Options.Create(_bench.Options), _ingest.Time, NullLogger<OrphanSweep>.Instance, _replica);
        await sweep.RunAsync(null, default);
        _ingest.Time.Advance(TimeSpan.FromHours(25));
        TakeAway();
        await sweep.RunAsync(null, default);
        Assert.Contains(orphan, await _ingest.Objects());
        BringBack();
        await sweep.RunAsync(null, default);
        Assert.DoesNotContain(orphan, await _ingest.Objects());
        Assert.DoesNotContain(orphan, await CopiesAsync());
    }

    private async Task RoundAsync(TimeSpan time)
    {
        _ingest.Time.Advance(time);
        await _bench.Retired.PurgeAsync(default);
        await _bench.Upkeep.RunAsync(default);
    }

    private void TakeAway() => Directory.Move(Second, Second + ".away");

    private void BringBack() => Directory.Move(Second + ".away", Second);

    private async Task<List<string>> CopiesAsync() => await _replica.ListAsync("", default).ToListAsync();

    private async Task CopyAsync()
    {
        await foreach (var name in _ingest.Store.ListAsync("", default))
        {
            var bytes = new byte[(await _ingest.Store.GetLengthAsync(name, default))!.Value];
            await _ingest.Store.ReadAsync(name, 0, bytes, default);
            await using var writer = await _replica.CreateAsync(name, default);
            await writer.WriteAsync(bytes, default);
            await writer.CommitAsync(default);
        }
    }
}
