using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Azure.Audit;
using Skylight.Azure.Costs;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Objects;
using Skylight.Azure.Queues;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Queues;

namespace Skylight.Azure.Tests.Faults;

/// <summary>The suites again, with one request in eight failing below the clients' own retries: what the adapters answer stays right.</summary>
internal static class Faulty
{
    private const double Rate = 0.12;

    public static FaultPlan Plan(int seed) => new(seed, Rate);

    public static BlobContainerClient Container(AzureServices services, BlobStoreOptions options, FaultPlan plan, params Fault[] only) => ObjectServices.Client(
        options, new AzureCosts(), () => throw new InvalidOperationException(), client => client.Transport = new HttpClientTransport(Storage(plan, only))).GetBlobContainerClient(options.Container);

    public static HttpClient Storage(FaultPlan plan, params Fault[] only) =>
        new(new FaultyHttp(new SocketsHttpHandler(), plan, ("retry-after-ms", "1")) { Only = only });

    public static Task<CosmosDatabase> CosmosAsync(AzureServices services, FaultPlan plan, params Fault[] only) => CosmosAsync(services, plan, 10, null, only);

    public static Task<CosmosDatabase> CosmosAsync(AzureServices services, FaultPlan plan, int tryTimeoutSeconds, AzureCosts? costs, params Fault[] only) => services.DatabaseAsync(
        costs,
        network => new FaultyHttp(network, plan, ("x-ms-retry-after-ms", "1"))
        {
            Only = only,

            // What the client asks about its account at its start is not ours to answer for.
            Applies = static request => request.RequestUri!.AbsolutePath.Contains("/docs", StringComparison.Ordinal) && !request.Headers.Contains("x-ms-cosmos-is-query-plan-request"),
        },
        tryTimeoutSeconds);
}

public sealed class FaultyBlobObjectStoreTests(AzureServices services) : ObjectStoreConformance, IAsyncLifetime
{
    private readonly FaultPlan _plan = Faulty.Plan(11);
    private BlobContainerClient _plain = null!;
    private BlobObjectStore _store = null!;

    protected override IObjectStore Store => _store;

    public async ValueTask InitializeAsync()
    {
        services.Need();
        var options = services.Blobs(Services.NewName());
        _plain = new BlobContainerClient(services.ConnectionString, options.Container);
        await _plain.CreateAsync();
        _store = new BlobObjectStore(Faulty.Container(services, options, _plan), options, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        if (_plain is not null) await _plain.DeleteAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ManyObjects_UnderEveryFault_AreWholeOrNotThere(int seed)
    {
        var plan = new FaultPlan(seed, 0.3);
        var options = services.Blobs(_plain.Name);
        options.BlockBytes = 64 << 10;
        var store = new BlobObjectStore(Faulty.Container(services, options, plan), options, TimeProvider.System);
        for (var i = 0; i < 25; i++)
        {
            var (name, bytes) = ($"hospital-a/study-{seed}/{i}.pack", Bytes(1 + (i * 13_000)));
            await using (var writer = await store.CreateAsync(name, default))
            {
                await writer.WriteAsync(bytes, default);
                await writer.CommitAsync(default);
            }

            Assert.Equal(bytes, (await _plain.GetBlobClient(name).DownloadContentAsync()).Value.Content.ToArray());
            var read = new byte[bytes.Length];
            Assert.Equal(read.Length, await store.ReadAsync(name, 0, read, default));
            Assert.Equal(bytes, read);
        }

        foreach (var fault in new[] { Fault.Throttled, Fault.LostBefore, Fault.LostAfter, Fault.Partial, Fault.Twice }) Assert.True(plan.Count(fault) > 0, plan.Drawn);
    }
}

public sealed class FaultyCosmosDocumentsTests(AzureServices services) : DocumentsConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;

    protected override IDocuments Documents => new CosmosDocuments(_database!.Items(CosmosDatabase.Documents));

    public async ValueTask InitializeAsync() => _database = await Faulty.CosmosAsync(services, Faulty.Plan(12));

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class FaultyCosmosCatalogTests(AzureServices services) : CatalogConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;
    private CosmosCatalog? _catalog;

    protected override ICatalog Catalog => _catalog!;

    protected override int SearchRounds => 10;

    public async ValueTask InitializeAsync()
    {
        _database = await Faulty.CosmosAsync(services, Faulty.Plan(13));
        _catalog = new CosmosCatalog(_database.Items(CosmosDatabase.Studies), _database.Items(CosmosDatabase.Instances), TimeProvider.System);
    }

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class FaultyCosmosAuditLogTests(AzureServices services) : AuditLogConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;
    private BlobContainerClient _anchors = null!;
    private CosmosAuditLog? _log;

    protected override IAuditLog Log => _log!;

    public async ValueTask InitializeAsync()
    {
        _database = await Faulty.CosmosAsync(services, Faulty.Plan(14));
        _anchors = new BlobContainerClient(services.ConnectionString, Services.NewName());
        await _anchors.CreateAsync();
        _log = Open();
    }

    public async ValueTask DisposeAsync()
    {
        if (_log is null) return;
        await _log.DisposeAsync();
        _database!.Dispose();
        await _anchors.DeleteAsync();
    }

    protected override async Task ReopenAsync()
    {
        await _log!.DisposeAsync();
        _log = Open();
    }

    private CosmosAuditLog Open() => new(
        _database!.Items(CosmosDatabase.Audit), new AnchorBlobs(_anchors), static (_, _, _) => ValueTask.FromResult(Enumerable.Repeat((byte)7, 32).ToArray()), TimeProvider.System, NullLogger<CosmosAuditLog>.Instance);
}

/// <summary>Lost answers are left out: a queue that delivers at least once may then hold a message twice, which the suite counts.</summary>
public sealed class FaultyAzureQueueTests(AzureServices services) : QueueConformance
{
    private readonly FaultPlan _plan = Faulty.Plan(15);

    protected override IQueue Queue
    {
        get
        {
            services.Need();
            return new AzureQueue(QueueServices.Client(
                new QueueOptions { ConnectionString = services.ConnectionString }, new AzureCosts(), () => throw new InvalidOperationException(),
                client =>
                {
                    client.Retry.MaxRetries = 10;
                    client.Retry.Delay = TimeSpan.FromMilliseconds(5);
                    client.Transport = new HttpClientTransport(Faulty.Storage(_plan, Fault.Throttled, Fault.LostBefore));
                }));
        }
    }
}

/// <summary>Reads that answer with the past: a writer computes from it, and its conditional write is refused.</summary>
public sealed class StaleReadTests(AzureServices services)
{
    private sealed record Counter(int Count);

    [Fact]
    public async Task Increments_UnderStaleReads_AreNeitherLostNorDoubled()
    {
        var plan = new FaultPlan(16, 0.4);
        using var database = await Faulty.CosmosAsync(services, plan, Fault.Stale);
        var documents = new CosmosDocuments(database.Items(CosmosDatabase.Documents));
        var key = new DocumentKey("hospital-a", "counter", "one");
        await documents.PutAsync(key, new Counter(0), Match.None, [], default);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < 10;)
            {
                var read = (await documents.GetAsync<Counter>(key, default))!;
                try
                {
                    await documents.PutAsync(key, new Counter(read.Value.Count + 1), Match.Version(read.ETag), [], default);
                    done++;
                }
                catch (DocumentConflictException)
                {
                    // The past, or another writer: read again.
                }
            }
        })));
        Assert.True(plan.Count(Fault.Stale) > 5, plan.Drawn);
        plan.Active = false;
        Assert.Equal(40, (await documents.GetAsync<Counter>(key, default))!.Value.Count);
    }
}
