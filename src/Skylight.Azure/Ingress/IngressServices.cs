using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Core.Uploads;

namespace Skylight.Azure.Ingress;

public static class IngressServices
{
    /// <summary>Registers the ingress account as <see cref="IIngress"/>.</summary>
    public static IServiceCollection AddAzureIngress(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<IngressOptions>().Bind(configuration.GetSection(IngressOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<IngressOptions>, IngressOptionsValidator>();
        services.AddSingleton<IIngress>(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<IngressOptions>>().Value;
            var credential = new StorageSharedKeyCredential(options.AccountName, options.AccountKey);
            return new AzureIngress(new BlobServiceClient(options.Address, credential), credential);
        });
        return services;
    }
}
