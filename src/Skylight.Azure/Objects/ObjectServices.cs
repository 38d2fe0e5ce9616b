using Azure;
using Azure.Core;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Azure.Costs;

namespace Skylight.Azure.Objects;

public static class ObjectServices
{
    /// <summary>Registers the archive container as <see cref="IObjectStore"/>.</summary>
    public static IServiceCollection AddAzureObjects(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<BlobStoreOptions>().Bind(configuration.GetSection(BlobStoreOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<BlobStoreOptions>, BlobStoreOptionsRanges>();
        services.AddSingleton<IValidateOptions<BlobStoreOptions>, BlobStoreOptionsRules>();
        services.TryAddSingleton<AzureCosts>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value;
            return Client(options, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(options.Container);
        });
        services.AddHostedService<ObjectStart>();
        services.AddSingleton<IObjectStore>(static provider =>
            new BlobObjectStore(provider.GetRequiredService<BlobContainerClient>(), provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        return services;
    }

    /// <summary>A client as the options say, whose every request is counted.</summary>
    internal static BlobServiceClient Client(BlobStoreOptions options, AzureCosts costs, Func<TokenCredential> credential, Action<BlobClientOptions>? configure = null)
    {
        var client = new BlobClientOptions();
        client.Retry.MaxRetries = options.Retries;
        client.Retry.Delay = TimeSpan.FromMilliseconds(options.RetryDelayMs);
        client.Retry.NetworkTimeout = TimeSpan.FromSeconds(options.TryTimeoutSeconds);
        client.Diagnostics.IsLoggingEnabled = false;
        client.AddPolicy(new StorageMeter(costs), HttpPipelinePosition.PerRetry);
        configure?.Invoke(client);
        return options.ConnectionString is { } connection ? new BlobServiceClient(connection, client) : new BlobServiceClient(options.ServiceUrl, credential(), client);
    }
}

/// <summary>Makes the container before the host takes requests, where the options say so.</summary>
internal sealed class ObjectStart(BlobContainerClient container, IOptions<BlobStoreOptions> options) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (options.Value.CreateContainer) await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, "");
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
