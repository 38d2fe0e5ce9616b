using System.Collections.ObjectModel;
using Azure.Core;
using Microsoft.Azure.Cosmos;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;

namespace Skylight.Azure.Cosmos;

/// <summary>The client, and the containers with their indexing policies. <c>docs/operations.md</c> and the deployment carry the same policies.</summary>
internal sealed class CosmosDatabase : IDisposable
{
    public const string Studies = "studies";
    public const string Instances = "instances";
    public const string Documents = "documents";
    public const string Audit = "audit";

    private readonly CosmosClient _client;
    private readonly CosmosOptions _options;
    private readonly AzureCosts _costs;
    private readonly TimeProvider _time;

    /// <param name="wrap">For tests: what lies between us and the network.</param>
    public CosmosDatabase(CosmosOptions options, Func<TokenCredential> credential, AzureCosts costs, TimeProvider time, Func<HttpMessageHandler, HttpMessageHandler>? wrap = null)
    {
        (_options, _costs, _time) = (options, costs, time);
        var client = new CosmosClientOptions
        {
            ApplicationName = "skylight",
            ConnectionMode = options.Gateway ? ConnectionMode.Gateway : ConnectionMode.Direct,
            LimitToEndpoint = options.LimitToEndpoint,
            MaxRetryAttemptsOnRateLimitedRequests = options.ThrottleRetries,
            MaxRetryWaitTimeOnRateLimitedRequests = TimeSpan.FromSeconds(options.ThrottleSeconds),
            RequestTimeout = TimeSpan.FromSeconds(options.TryTimeoutSeconds),
            EnableContentResponseOnWrite = false,
        };
        client.HttpClientFactory = () =>
        {
            var sockets = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), MaxConnectionsPerServer = client.GatewayModeMaxConnectionLimit };
            return new HttpClient(new CosmosWire(costs, client.RequestTimeout, wrap?.Invoke(sockets) ?? sockets));
        };
        var endpoint = options.Endpoint!.ToString();
        _client = options.Key is { } key ? new CosmosClient(endpoint, key, client) : new CosmosClient(endpoint, credential(), client);
    }

    public CosmosItems Items(string container) => new(_client.GetContainer(_options.Database, container), _costs, _options, _time);

    /// <summary>Makes what is missing, if the options say so, and refuses an account that could answer with the past.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (_options.CreateContainers)
        {
            Database database = await _client.CreateDatabaseIfNotExistsAsync(_options.Database, cancellationToken: cancellationToken);
            foreach (var container in Containers()) await database.CreateContainerIfNotExistsAsync(container, cancellationToken: cancellationToken);
        }

        if (_options.AllowWeakConsistency) return;
        var account = await _client.ReadAccountAsync();
        if (account.Consistency.DefaultConsistencyLevel is not (ConsistencyLevel.Strong or ConsistencyLevel.BoundedStaleness))
            throw new OptionsValidationException(CosmosOptions.Section, typeof(CosmosOptions), [$"The Cosmos account's default consistency is {account.Consistency.DefaultConsistencyLevel}; it must be BoundedStaleness or Strong."]);
    }

    public void Dispose() => _client.Dispose();

    private static IEnumerable<ContainerProperties> Containers()
    {
        yield return Container(
            Studies,
            ["/uid/?", "/shown/?", "/order/?", "/patientKey/?", "/terms/[]/?", "/events/?", "/due/?"],
            [("/shown", CompositePathSortOrder.Ascending), ("/order", CompositePathSortOrder.Descending)]);
        yield return Container(Instances, ["/study/?", "/rows/[]/sop/?", "/first/?", "/last/?"], [("/first", CompositePathSortOrder.Ascending), ("/id", CompositePathSortOrder.Ascending)]);
        yield return Container(Documents, ["/type/?", "/key/?", "/terms/[]/?"], [("/type", CompositePathSortOrder.Ascending), ("/key", CompositePathSortOrder.Ascending)]);
        yield return Container(Audit, ["/first/?", "/last/?", "/patients/[]/?", "/studies/[]/?", "/actors/[]/?"], null);
    }

    /// <summary>Everything else is left out of the index: a write is charged for what it indexes.</summary>
    private static ContainerProperties Container(string id, string[] paths, (string Path, CompositePathSortOrder Order)[]? composite)
    {
        var container = new ContainerProperties(id, "/pk");
        container.IndexingPolicy.IncludedPaths.Clear();
        foreach (var path in (string[])["/pk/?", .. paths]) container.IndexingPolicy.IncludedPaths.Add(new IncludedPath { Path = path });
        container.IndexingPolicy.ExcludedPaths.Clear();
        container.IndexingPolicy.ExcludedPaths.Add(new ExcludedPath { Path = "/*" });
        if (composite is not null) container.IndexingPolicy.CompositeIndexes.Add(new Collection<CompositePath>([.. composite.Select(item => new CompositePath { Path = item.Path, Order = item.Order })]));
        return container;
    }
}

/// <summary>Prepares the containers before the host takes requests.</summary>
internal sealed class CosmosStart(CosmosDatabase database) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => database.PrepareAsync(cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
