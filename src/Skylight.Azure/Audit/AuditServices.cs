using System.ComponentModel.DataAnnotations;
using Azure.Core;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Objects;
using Skylight.Core.Audit;
using Skylight.Core.Identity;

namespace Skylight.Azure.Audit;

/// <summary>Where the heads of the audit trail are anchored. Section <c>Skylight:AuditAnchors</c>.</summary>
public sealed class AuditAnchorOptions
{
    public const string Section = "Skylight:AuditAnchors";

    /// <summary>
    /// Blob service address of the anchors, best an account of another subscription with an immutability policy; reached with the managed identity. Default: the archive account.
    /// </summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Container of the anchors. Default <c>audit-anchors</c>.</summary>
    [Required]
    [RegularExpression("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    public string Container { get; set; } = "audit-anchors";
}

[OptionsValidator]
internal sealed partial class AuditAnchorOptionsValidator : IValidateOptions<AuditAnchorOptions>;

public static class AuditServices
{
    /// <summary>Registers the trail in Cosmos with anchors in Blob storage as <see cref="IAuditLog"/>.</summary>
    public static IServiceCollection AddAzureAudit(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<AuditAnchorOptions>().Bind(configuration.GetSection(AuditAnchorOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AuditAnchorOptions>, AuditAnchorOptionsValidator>();
        services.AddKeyedSingleton("audit-anchors", static (provider, _) => Container(provider));
        services.AddContainerStart(static provider => provider.GetRequiredKeyedService<BlobContainerClient>("audit-anchors"));
        services.AddSingleton<IAuditLog>(static provider => new CosmosAuditLog(
            provider.GetRequiredService<CosmosDatabase>().Items(CosmosDatabase.Audit),
            new AnchorBlobs(provider.GetRequiredKeyedService<BlobContainerClient>("audit-anchors")),
            provider.GetRequiredService<InstitutionSecret>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CosmosAuditLog>>()));
        return services;
    }

    private static BlobContainerClient Container(IServiceProvider provider)
    {
        var anchors = provider.GetRequiredService<IOptions<AuditAnchorOptions>>().Value;
        var archive = provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value;
        var options = anchors.ServiceUrl is { } url ? new BlobStoreOptions { ServiceUrl = url, Retries = archive.Retries } : archive;
        return ObjectServices.Client(options, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(anchors.Container);
    }
}
