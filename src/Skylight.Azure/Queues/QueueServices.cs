using Azure.Core;
using Azure.Storage.Queues;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;
using Skylight.Core.Queues;

namespace Skylight.Azure.Queues;

/// <summary>The storage account with the queues. Section <c>Skylight:Queues</c>.</summary>
public sealed class QueueOptions
{
    public const string Section = "Skylight:Queues";

    /// <summary>Queue service address, <c>https://{account}.queue.core.windows.net</c>; reached with the managed identity (role Storage Queue Data Contributor).</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Instead of <see cref="ServiceUrl"/>: a connection string with a key. For emulators.</summary>
    public string? ConnectionString { get; set; }
}

internal sealed class QueueOptionsValidator : IValidateOptions<QueueOptions>
{
    public ValidateOptionsResult Validate(string? name, QueueOptions options) => (options.ServiceUrl is null) == (options.ConnectionString is null)
        ? ValidateOptionsResult.Fail($"{QueueOptions.Section} needs either ServiceUrl or ConnectionString.")
        : ValidateOptionsResult.Success;
}

public static class QueueServices
{
    public static IServiceCollection AddAzureQueues(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<QueueOptions>().Bind(configuration.GetSection(QueueOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<QueueOptions>, QueueOptionsValidator>();
        services.TryAddSingleton<AzureCosts>();
        services.AddSingleton<IQueue>(static provider => new AzureQueue(Client(
            provider.GetRequiredService<IOptions<QueueOptions>>().Value, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>())));
        return services;
    }

    /// <summary>A client as the options say, whose every request is counted.</summary>
    internal static QueueServiceClient Client(QueueOptions options, AzureCosts costs, Func<TokenCredential> credential, Action<QueueClientOptions>? configure = null)
    {
        var client = AzureQueue.Options;
        client.Diagnostics.IsLoggingEnabled = false;
        client.AddPolicy(new StorageMeter(costs), HttpPipelinePosition.PerRetry);
        configure?.Invoke(client);
        return options.ConnectionString is { } connection ? new QueueServiceClient(connection, client) : new QueueServiceClient(options.ServiceUrl, credential(), client);
    }
}
