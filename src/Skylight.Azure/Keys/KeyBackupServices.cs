using System.ComponentModel.DataAnnotations;
using Azure.Core;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Azure.Costs;
using Skylight.Azure.Objects;
using Skylight.Core.Keys;
using Skylight.Core.Keys.Backup;

namespace Skylight.Azure.Keys;

/// <summary>Where second copies of the key records lie, written with each change, and generations of them: a container of another account, apart from the objects and their replica. Section <c>Skylight:KeyBackup:Store</c>; nothing set: there are none.</summary>
public sealed class BlobKeyBackupOptions
{
    public const string Section = "Skylight:KeyBackup:Store";

    /// <summary>Blob service address of the account, reached with the managed identity (role Storage Blob Data Contributor on this container).</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Instead of <see cref="ServiceUrl"/>: a connection string with a key. For emulators.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>Container of the generations. Default <c>key-backup</c>.</summary>
    [Required]
    [RegularExpression("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    public string Container { get; set; } = "key-backup";

    internal bool Exists => ServiceUrl is not null || ConnectionString is not null;
}

[OptionsValidator]
internal sealed partial class BlobKeyBackupRanges : IValidateOptions<BlobKeyBackupOptions>;

internal sealed class BlobKeyBackupRules : IValidateOptions<BlobKeyBackupOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobKeyBackupOptions options) => options.ServiceUrl is not null && options.ConnectionString is not null
        ? ValidateOptionsResult.Fail($"{BlobKeyBackupOptions.Section} needs either ServiceUrl or ConnectionString, or neither.")
        : ValidateOptionsResult.Success;
}

public static class KeyBackupServices
{
    /// <summary>Registers the second place of key records and of their generations, where the settings name one, and the restore at a start that they may ask for. After the records: it writes to them.</summary>
    public static IServiceCollection AddAzureKeyBackup(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<BlobKeyBackupOptions>().BindConfiguration(BlobKeyBackupOptions.Section);
        services.AddSingleton<IValidateOptions<BlobKeyBackupOptions>, BlobKeyBackupRanges>();
        services.AddSingleton<IValidateOptions<BlobKeyBackupOptions>, BlobKeyBackupRules>();
        services.AddKeyedSingleton<BlobContainerClient>(KeyGenerations.Service, static (provider, _) => Store(provider) is not { } store
            ? null!
            : ObjectServices.Client(store, provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(store.Container));
        services.AddKeyedSingleton<IObjectStore>(KeyGenerations.Service, static (provider, _) => Store(provider) is { } store
            ? new BlobObjectStore(provider.GetRequiredKeyedService<BlobContainerClient>(KeyGenerations.Service), store, provider.GetRequiredService<TimeProvider>())
            : null!);
        services.AddKeyedSingleton<IKeyRecordStore>(ReplicatedKeyRecords.Service, static (provider, _) => Store(provider) is { } store
            ? new BlobKeyRecords(ObjectServices.Client(store.Briefly(), provider.GetRequiredService<AzureCosts>(), () => provider.GetRequiredService<TokenCredential>()).GetBlobContainerClient(store.Container))
            : null!);
        services.AddContainerStart(static provider => provider.GetKeyedService<BlobContainerClient>(KeyGenerations.Service));
        return services.AddHostedService<KeyRestoreStart>();
    }

    /// <summary>The archive's options but for the place; null where there is none.</summary>
    private static BlobStoreOptions? Store(IServiceProvider provider)
    {
        var place = provider.GetRequiredService<IOptions<BlobKeyBackupOptions>>().Value;
        return place.Exists ? provider.GetRequiredService<IOptions<BlobStoreOptions>>().Value.At(place.ServiceUrl, place.ConnectionString, place.Container) : null;
    }
}
