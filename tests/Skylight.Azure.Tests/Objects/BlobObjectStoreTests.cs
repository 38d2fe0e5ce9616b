using Azure.Storage.Blobs;
using Skylight.Archive.Objects;
using Skylight.Azure.Costs;
using Skylight.Azure.Objects;
using Skylight.Conformance;

namespace Skylight.Azure.Tests.Objects;

public sealed class BlobObjectStoreTests(AzureServices services) : ObjectStoreConformance, IAsyncLifetime
{
    private readonly AzureCosts _costs = new();
    private BlobContainerClient _container = null!;
    private BlobObjectStore _store = null!;

    protected override IObjectStore Store => _store;

    public async ValueTask InitializeAsync()
    {
        services.Need();
        var options = services.Blobs(Services.NewName());
        _container = ObjectServices.Client(options, _costs, () => throw new InvalidOperationException()).GetBlobContainerClient(options.Container);
        await _container.CreateAsync();
        _store = new BlobObjectStore(_container, options, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        if (_container is not null) await _container.DeleteAsync();
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1 << 20, 1)]
    [InlineData((1 << 20) + 1, 3)]
    [InlineData(5 << 20, 6)]
    public async Task Commit_CostsOneRequest_OrOneABlock(int bytes, int requests)
    {
        var before = _costs.Snapshot();
        await StoreAsync("hospital-a/study-1/counted.pack", new byte[bytes]);
        var cost = _costs.Snapshot() - before;
        Assert.Equal((requests, requests), (cost.Writes, cost.Transactions));
        Assert.InRange(cost.BytesUp, bytes, bytes + 2000);
    }

    [Fact]
    public async Task Read_OfALittle_FetchesWhatLiesBehindIt_InOneRequest()
    {
        var bytes = Bytes(3_000_000);
        await StoreAsync("hospital-a/study-1/counted.pack", bytes);
        var before = _costs.Snapshot();
        Assert.Equal(bytes[..72], await ReadAsync("hospital-a/study-1/counted.pack", 0, 72));
        Assert.Equal(bytes[72..600_000], await ReadAsync("hospital-a/study-1/counted.pack", 72, 600_000 - 72));
        var cost = _costs.Snapshot() - before;
        Assert.Equal((1, 1, 1 << 20), (cost.Reads, cost.Transactions, cost.BytesDown));
    }

    [Fact]
    public async Task Read_OfAWholeSmallObject_CostsOneRequest_AndKeepsNothing()
    {
        var bytes = Bytes(20_000);
        await StoreAsync("hospital-a/study-1/counted.idx", bytes);
        var before = _costs.Snapshot();
        for (var i = 0; i < 2; i++) Assert.Equal(bytes, await ReadAsync("hospital-a/study-1/counted.idx", 0, 20_001));
        Assert.Equal((2, 40_000), ((_costs.Snapshot() - before).Reads, (_costs.Snapshot() - before).BytesDown));
    }

    [Fact]
    public async Task Read_FromFrontToBack_TakesFewRequests_AndReturnsTheBytes()
    {
        var bytes = Bytes(60_000_000);
        await StoreAsync("hospital-a/study-1/long.pack", bytes);
        var before = _costs.Snapshot();
        var read = new List<byte>();

        // As a pack is read: each range begins a little before the end of the one before.
        for (var at = 0; at < bytes.Length; at = read.Count)
        {
            var from = Math.Max(0, at - 5000);
            var part = await ReadAsync("hospital-a/study-1/long.pack", from, 655_000);
            read.AddRange(part[(at - from)..]);
        }

        Assert.Equal(bytes, read);
        Assert.InRange((_costs.Snapshot() - before).Reads, 1, 4);
    }

    [Fact]
    public async Task AnyCall_ContainerIsNotThere_IsAFault_NotAnAnswer()
    {
        var options = services.Blobs("never-made");
        var store = new BlobObjectStore(ObjectServices.Client(options, _costs, () => throw new InvalidOperationException()).GetBlobContainerClient("never-made"), options, TimeProvider.System);
        var error = await Assert.ThrowsAsync<BlobStoreException>(async () => await store.GetStatusAsync("hospital-a/x", default));
        Assert.DoesNotContain("http", error.Message, StringComparison.OrdinalIgnoreCase);
    }
}
