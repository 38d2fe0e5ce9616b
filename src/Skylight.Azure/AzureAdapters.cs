using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Skylight.Azure.Events;
using Skylight.Azure.Ingress;
using Skylight.Azure.Queues;

namespace Skylight.Azure;

/// <summary>The adapters of the cloud: ports of Core on Azure services. One line a part.</summary>
public static class AzureAdapters
{
    public static IServiceCollection AddAzureAdapters(this IServiceCollection services, IConfiguration configuration)
    {
        // The identity of the app in Azure, of the developer elsewhere; made on first use.
        services.TryAddSingleton<TokenCredential>(static _ => new DefaultAzureCredential());
        services.AddAzureIngress(configuration);
        services.AddAzureQueues(configuration);
        services.AddAzureEvents(configuration);
        return services;
    }
}
