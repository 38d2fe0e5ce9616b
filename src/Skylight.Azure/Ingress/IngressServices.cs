using Azure.Core;
using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;
using Skylight.Core.Uploads;

namespace Skylight.Azure.Ingress;

public static class IngressServices
{
    /// <summary>Registers the ingress account as <see cref="IIngress"/>.</summary>
    public static IServiceCollection AddAzureIngress(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<IngressOptions>().Bind(configuration.GetSection(IngressOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<IngressOptions>, IngressOptionsValidator>();
        services.TryAddSingleton<AzureCosts>();
        services.AddSingleton<IIngress>(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<IngressOptions>>().Value;
            var credential = new StorageSharedKeyCredential(options.AccountName, options.AccountKey);
            var client = new BlobClientOptions();
            client.Diagnostics.IsLoggingEnabled = false;
            client.AddPolicy(new StorageMeter(provider.GetRequiredService<AzureCosts>()), HttpPipelinePosition.PerRetry);
            return new AzureIngress(new BlobServiceClient(options.Address, credential, client), credential);
        });
        return services;
    }
}
