using Azure.Storage.Blobs;
using Skylight.Archive.Keys;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Costs;
using Skylight.Azure.Keys;
using Skylight.Azure.Objects;
using Skylight.Azure.Tests.Faults;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Keys;

namespace Skylight.Azure.Tests.Keys;

public sealed class BlobKeyRecordsTests(AzureServices services) : KeyRecordConformance, IAsyncLifetime
{
    private BlobContainerClient _container = null!;

    protected override IKeyRecordStore Records => new BlobKeyRecords(_container);

    public async ValueTask InitializeAsync()
    {
        services.Need();
        _container = new BlobContainerClient(services.ConnectionString, Services.NewName());
        await _container.CreateAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_container is not null) await _container.DeleteAsync();
    }

    [Fact]
    public async Task NewRecord_IsOneRequest_AndAComparisonIsOneList()
    {
        var costs = new AzureCosts();
        var options = services.Blobs(_container.Name);
        var counted = new BlobKeyRecords(ObjectServices.Client(options, costs, () => throw new InvalidOperationException()).GetBlobContainerClient(options.Container));
        var first = new MemoryKeyRecords();
        var both = new ReplicatedKeyRecords(first, counted);
        for (var i = 0; i < 5; i++) Assert.True(await both.TryAddAsync(new KeyRecord(1, "a", $"s{i}", [new WrappedKey("k", "A256KW", "local:a/1", [1], default)]), default));
        Assert.Equal((5, 0, 0), Asked(costs));
        Assert.Equal(0, await both.MirrorAsync("a", default));
        Assert.Equal((5, 0, 1), Asked(costs));
    }

    private static (long Writes, long Reads, long Lists) Asked(AzureCosts costs) => costs.Snapshot() is var now ? (now.Writes, now.Reads, now.Lists) : default;

    [Fact]
    public async Task UnreadableCopy_IsReplaced()
    {
        var record = new KeyRecord(1, "a", "s", [new WrappedKey("k", "A256KW", "local:a/1", [1], default)]);
        var both = new ReplicatedKeyRecords(new MemoryKeyRecords(), Records);
        await both.TryAddAsync(record, default);
        await _container.GetBlobClient("records/a/s").UploadAsync(new BinaryData("{\"v\":1,"), overwrite: true);
        Assert.Empty((await Records.GetAsync("a", "s", default))!.Record.Keys);
        await both.ConfirmAsync(record, default);
        Assert.Equal(record.Digest(), (await Records.GetAsync("a", "s", default))!.Record.Digest());
    }
}

/// <summary>The suite again, one request in eight failing below the client's retries.</summary>
public sealed class FaultyBlobKeyRecordsTests(AzureServices services) : KeyRecordConformance, IAsyncLifetime
{
    private readonly FaultPlan _plan = Faulty.Plan(17);
    private BlobContainerClient _plain = null!;
    private BlobKeyRecords _records = null!;

    protected override IKeyRecordStore Records => _records;

    public async ValueTask InitializeAsync()
    {
        services.Need();
        var options = services.Blobs(Services.NewName());
        _plain = new BlobContainerClient(services.ConnectionString, options.Container);
        await _plain.CreateAsync();
        _records = new BlobKeyRecords(Faulty.Container(services, options, _plan));
    }

    public async ValueTask DisposeAsync()
    {
        if (_plain is not null) await _plain.DeleteAsync();
    }
}

/// <summary>The suite again on Cosmos, one request in eight failing below the adapter's tries.</summary>
public sealed class FaultyCosmosKeyRecordsTests(AzureServices services) : KeyRecordConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;

    protected override IKeyRecordStore Records => new DocumentKeyRecords(new CosmosDocuments(_database!.Items(CosmosDatabase.Documents)));

    public async ValueTask InitializeAsync() => _database = await Faulty.CosmosAsync(services, Faulty.Plan(18));

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class CosmosKeyRecordsTests(AzureServices services) : KeyRecordConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;

    protected override IKeyRecordStore Records => new DocumentKeyRecords(new CosmosDocuments(_database!.Items(CosmosDatabase.Documents)));

    public async ValueTask InitializeAsync() => _database = await services.DatabaseAsync();

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}
