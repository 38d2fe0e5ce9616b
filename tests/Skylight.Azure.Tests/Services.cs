using Skylight.Azure.Costs;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Objects;
using Skylight.Azure.Tests;
using Skylight.Conformance;

[assembly: AssemblyFixture(typeof(AzureServices))]

namespace Skylight.Azure.Tests;

/// <summary>Adapters on the stand-ins, each on a container or database of its own.</summary>
internal static class Services
{
    public static string NewName() => $"t{Guid.NewGuid():n}"[..24];

    public static BlobStoreOptions Blobs(this AzureServices services, string container) =>
        new() { ConnectionString = services.ConnectionString, Container = container, BlockBytes = 1 << 20, RetryDelayMs = 5, Retries = 10 };

    public static CosmosOptions Cosmos(this AzureServices services, string database) => new()
    {
        Endpoint = services.CosmosUrl,
        Key = services.CosmosKey,
        Database = database,
        Gateway = true,
        LimitToEndpoint = true,
        CreateContainers = true,
        AllowWeakConsistency = true,
        RetryDelayMs = 5,
        Tries = 15,
    };

    /// <summary>A new database, prepared.</summary>
    public static async Task<CosmosDatabase> DatabaseAsync(this AzureServices services, AzureCosts? costs = null, Func<HttpMessageHandler, HttpMessageHandler>? wrap = null, int tryTimeoutSeconds = 10)
    {
        services.Need();
        var name = NewName();
        using (var plain = new CosmosDatabase(services.Cosmos(name), () => throw new InvalidOperationException(), new AzureCosts(), TimeProvider.System)) await plain.PrepareAsync(default);
        var options = services.Cosmos(name);
        options.TryTimeoutSeconds = tryTimeoutSeconds;
        return new CosmosDatabase(options, () => throw new InvalidOperationException(), costs ?? new AzureCosts(), TimeProvider.System, wrap);
    }
}
