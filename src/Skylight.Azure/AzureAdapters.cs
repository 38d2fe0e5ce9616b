using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Azure.Ingress;

namespace Skylight.Azure;

/// <summary>The adapters of the cloud: ports of Core on Azure services. One line a part.</summary>
public static class AzureAdapters
{
    public static IServiceCollection AddAzureAdapters(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddAzureIngress(configuration);
        return services;
    }
}
