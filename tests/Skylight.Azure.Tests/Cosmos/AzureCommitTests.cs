using Azure.Storage.Blobs;
using Skylight.Archive.Objects;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Objects;
using Skylight.Azure.Tests.Faults;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Catalog;

namespace Skylight.Azure.Tests.Cosmos;

/// <summary>Catalog and commit on a database and a container of their own, all requests under a plan of faults where there is one.</summary>
internal sealed class AzureArchive(CosmosDatabase database, BlobContainerClient container, IObjectStore store) : IAsyncDisposable
{
    public IObjectStore Store => store;

    public ICatalog Catalog { get; } = new CosmosCatalog(database.Items(CosmosDatabase.Studies), database.Items(CosmosDatabase.Instances), TimeProvider.System);

    public ICommit Commit => new DirectCommit(store, Catalog);

    public static async Task<AzureArchive> OpenAsync(AzureServices services, FaultPlan? plan)
    {
        services.Need();
        var options = services.Blobs(Services.NewName());
        var container = new BlobContainerClient(services.ConnectionString, options.Container);
        await container.CreateAsync();
        return new AzureArchive(
            plan is null ? await services.DatabaseAsync() : await Faulty.CosmosAsync(services, plan), container,
            new BlobObjectStore(plan is null ? container : Faulty.Container(services, options, plan), options, TimeProvider.System));
    }

    public async ValueTask DisposeAsync()
    {
        database.Dispose();
        await container.DeleteAsync();
    }
}

public abstract class AzureCommitConformance(AzureServices services, FaultPlan? plan) : CommitConformance, IAsyncLifetime
{
    private AzureArchive? _archive;

    protected override ICommit Commit => _archive!.Commit;

    protected override ICatalog Catalog => _archive!.Catalog;

    protected override IObjectStore Store => _archive!.Store;

    public async ValueTask InitializeAsync() => _archive = await AzureArchive.OpenAsync(services, plan);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_archive is not null) await _archive.DisposeAsync();
    }

    /// <summary>The adapters hold nothing that is not stored.</summary>
    protected override Task RestartAsync() => Task.CompletedTask;
}

public sealed class AzureCommitTests(AzureServices services) : AzureCommitConformance(services, null);

public sealed class FaultyAzureCommitTests(AzureServices services) : AzureCommitConformance(services, Faulty.Plan(17));

public abstract class AzureOutboxConformance(AzureServices services, FaultPlan? plan) : OutboxConformance, IAsyncLifetime
{
    private AzureArchive? _archive;

    protected override ICommit Commit => _archive!.Commit;

    protected override ICatalog Catalog => _archive!.Catalog;

    public async ValueTask InitializeAsync() => _archive = await AzureArchive.OpenAsync(services, plan);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_archive is not null) await _archive.DisposeAsync();
    }
}

public sealed class AzureOutboxTests(AzureServices services) : AzureOutboxConformance(services, null);

public sealed class FaultyAzureOutboxTests(AzureServices services) : AzureOutboxConformance(services, Faulty.Plan(18));
