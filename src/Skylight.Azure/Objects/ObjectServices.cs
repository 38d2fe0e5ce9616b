using Azure.Core;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Azure.Costs;
using Skylight.Core.Integrity;

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
        services.AddSingleton(static provider => Container(provider, provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value));
        services.AddSingleton<IObjectStore>(static provider =>
            new BlobObjectStore(provider.GetRequiredService<BlobContainerClient>(), provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value, provider.GetRequiredService<TimeProvider>())
                .WithReplica(provider));
        services.AddContainerStart(static provider => provider.GetRequiredService<BlobContainerClient>());
        return services.AddAzureReplica();
    }

    /// <summary>Registers the container of second copies, where the settings name one.</summary>
    private static IServiceCollection AddAzureReplica(this IServiceCollection services)
    {
        services.AddOptions<BlobReplicaOptions>().BindConfiguration(BlobReplicaOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<BlobReplicaOptions>, BlobReplicaRules>();
        services.AddKeyedSingleton<BlobContainerClient>(Replica.Service, static (provider, _) => ReplicaOptions(provider) is { } options ? Container(provider, options) : null!);
        services.AddKeyedSingleton<IObjectStore>(Replica.Service, static (provider, _) => ReplicaOptions(provider) is { } options
            ? new BlobObjectStore(provider.GetRequiredKeyedService<BlobContainerClient>(Replica.Service), options, provider.GetRequiredService<TimeProvider>())
            : null!);
        return services.AddContainerStart(static provider => provider.GetKeyedService<BlobContainerClient>(Replica.Service));
    }

    /// <summary>Makes a container before the host takes requests, where <see cref="BlobStoreOptions.CreateContainer"/> says so.</summary>
    internal static IServiceCollection AddContainerStart(this IServiceCollection services, Func<IServiceProvider, BlobContainerClient?> container) =>
        services.AddSingleton<IHostedService>(provider => new ContainerStart(provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value.CreateContainer ? container(provider) : null));

    private static BlobContainerClient Container(IServiceProvider provider, BlobStoreOptions options) =>
        Client(options, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(options.Container);

    /// <summary>The archive's options but for the place; null where there is no replica.</summary>
    private static BlobStoreOptions? ReplicaOptions(IServiceProvider provider)
    {
        var replica = provider.GetRequiredService<IOptions<BlobReplicaOptions>>().Value;
        return replica.Exists ? provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value.At(replica.ServiceUrl, replica.ConnectionString, replica.Container) : null;
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
