using Azure.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Azure.Cosmos;

public static class CosmosServices
{
    /// <summary>Registers catalog and records on Cosmos, and the commit that goes straight to them.</summary>
    public static IServiceCollection AddAzureCatalog(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<CosmosOptions>().Bind(configuration.GetSection(CosmosOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CosmosOptions>, CosmosOptionsValidator>();
        services.TryAddSingleton<AzureCosts>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(static provider => new CosmosDatabase(
            provider.GetRequiredService<IOptions<CosmosOptions>>().Value,
            () => provider.GetRequiredService<TokenCredential>(),
            provider.GetRequiredService<AzureCosts>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddHostedService<CosmosStart>();
        services.AddSingleton<IDocuments>(static provider => new CosmosDocuments(provider.GetRequiredService<CosmosDatabase>().Items(CosmosDatabase.Documents)));
        services.AddSingleton<ICatalog>(static provider => new CosmosCatalog(
            provider.GetRequiredService<CosmosDatabase>().Items(CosmosDatabase.Studies),
            provider.GetRequiredService<CosmosDatabase>().Items(CosmosDatabase.Instances),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ICommit, DirectCommit>();
        return services;
    }
}
