using System.ComponentModel.DataAnnotations;
using Azure.Core;
using Azure.Storage.Queues;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Core.Queues;

namespace Skylight.Azure.Queues;

/// <summary>The storage account with the queues. Section <c>Skylight:Queues</c>.</summary>
public sealed class QueueOptions
{
    public const string Section = "Skylight:Queues";

    /// <summary>Queue service address, <c>https://{account}.queue.core.windows.net</c>; reached with the managed identity.</summary>
    [Required]
    public Uri? ServiceUrl { get; set; }
}

[OptionsValidator]
internal sealed partial class QueueOptionsValidator : IValidateOptions<QueueOptions>;

public static class QueueServices
{
    public static IServiceCollection AddAzureQueues(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<QueueOptions>().Bind(configuration.GetSection(QueueOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<QueueOptions>, QueueOptionsValidator>();
        services.AddSingleton<IQueue>(static provider => new AzureQueue(
            new QueueServiceClient(provider.GetRequiredService<IOptions<QueueOptions>>().Value.ServiceUrl, provider.GetRequiredService<TokenCredential>(), AzureQueue.Options)));
        return services;
    }
}
