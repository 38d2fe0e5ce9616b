using Skylight.Azure.Cosmos;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Azure.Tests.Cosmos;

public sealed class CosmosDocumentsTests(AzureServices services) : DocumentsConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;

    protected override IDocuments Documents => new CosmosDocuments(_database!.Items(CosmosDatabase.Documents));

    public async ValueTask InitializeAsync() => _database = await services.DatabaseAsync();

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class CosmosCatalogTests(AzureServices services) : CatalogConformance, IAsyncLifetime
{
    private CosmosDatabase? _database;
    private CosmosCatalog? _catalog;

    protected override ICatalog Catalog => _catalog!;

    protected override int SearchRounds => 40;

    public async ValueTask InitializeAsync()
    {
        _database = await services.DatabaseAsync();
        _catalog = new CosmosCatalog(_database.Items(CosmosDatabase.Studies), _database.Items(CosmosDatabase.Instances), TimeProvider.System);
    }

    public ValueTask DisposeAsync()
    {
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }
}
