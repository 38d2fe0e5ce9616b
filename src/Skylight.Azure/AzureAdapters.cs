using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Skylight.Archive.Packs;
using Skylight.Azure.Audit;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Events;
using Skylight.Azure.Ingress;
using Skylight.Azure.Keys;
using Skylight.Azure.Objects;
using Skylight.Azure.Queues;
using Skylight.Core.Compression;
using Skylight.Core.Keys;

namespace Skylight.Azure;

/// <summary>The adapters of the cloud: ports of Core on Azure services. One line a part.</summary>
public static class AzureAdapters
{
    /// <summary>Everything, for the Functions host.</summary>
    public static IServiceCollection AddAzureAdapters(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddAzureStores(configuration);
        services.AddAzureEvents(configuration);
        services.AddStudyKeys();
        services.AddAzureKeys();
        return services;
    }

    /// <summary>For a tool that starts no host: refuses an account that could answer with the past.</summary>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The account's consistency is too weak.</exception>
    public static Task PrepareAsync(IServiceProvider provider, CancellationToken cancellationToken) => provider.GetRequiredService<CosmosDatabase>().PrepareAsync(cancellationToken);

    /// <summary>What is stored: uploads, objects, catalog, records, audit trail, queues. Keys and events are the host's choice.</summary>
    public static IServiceCollection AddAzureStores(this IServiceCollection services, IConfiguration configuration)
    {
        // The identity of the app in Azure, of the developer elsewhere; made on first use.
        services.TryAddSingleton<TokenCredential>(static _ => new DefaultAzureCredential());
        services.AddAzureIngress(configuration);
        services.AddAzureQueues(configuration);
        services.AddAzureObjects(configuration);
        services.AddAzureCatalog(configuration);
        services.AddAzureAudit(configuration);
        services.AddAzureKeyBackup();
        services.TryAddSingleton(static _ => Pictures.Codecs());
        services.TryAddSingleton<PackReader>();
        return services;
    }
}
