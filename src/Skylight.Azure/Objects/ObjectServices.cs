using Azure.Core;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
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
        services.AddSingleton(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value;
            return Client(options, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(options.Container);
        });
        services.AddSingleton<IObjectStore>(static provider =>
            new BlobObjectStore(provider.GetRequiredService<BlobContainerClient>(), provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value));
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
