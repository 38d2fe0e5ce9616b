using Azure.Storage;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Core.Uploads;
using Skylight.Local.Objects;
using Skylight.Local.Sqlite;

namespace Skylight.Edge.Blobs;

/// <summary>Composition of the Blob endpoint.</summary>
internal static class BlobServices
{
    /// <summary>Registers the endpoint and the <see cref="IIngress"/> made of it. Everything lies in the folder <c>ingress</c> of the data folder.</summary>
    public static IServiceCollection AddBlobEndpoint(this IServiceCollection services, string dataFolder)
    {
        var folder = Path.Combine(dataFolder, "ingress");
        services.AddOptionsWithValidateOnStart<BlobOptions>().BindConfiguration(BlobOptions.Section);
        services.AddSingleton<IValidateOptions<BlobOptions>, BlobOptionsValidator>();
        services.AddKeyedSingleton("ingress", (_, _) => SqliteDatabase.Open(InFolder("ingress.db"), SqliteDurability.Full, BlobTable.Schema));
        services.AddSingleton(static provider => new BlobTable(provider.GetRequiredKeyedService<SqliteDatabase>("ingress")));
        services.AddSingleton(provider => new StagedParts(
            FolderObjectStore.Open(
                InFolder("parts"),
                new FolderObjectStoreOptions { MinFreeBytes = provider.GetRequiredService<IOptions<UploadOptions>>().Value.FreeSpaceFloorBytes },
                provider.GetRequiredService<TimeProvider>()),
            InFolder("parts"),
            provider.GetRequiredService<StudyKeys>()));
        services.AddSingleton(provider => new FreeSpace(dataFolder, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider =>
            new StorageSharedKeyCredential(provider.GetRequiredService<IOptions<BlobOptions>>().Value.AccountName, AccountKey.LoadOrCreate(InFolder("account.key"))));
        services.AddSingleton(provider => new SasValidator(
            provider.GetRequiredService<IOptions<BlobOptions>>().Value.AccountName,
            Convert.FromBase64String(AccountKey.LoadOrCreate(InFolder("account.key"))),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<BlobWrites>();
        services.AddSingleton<BlobReads>();
        services.AddSingleton<BlobEndpoint>();
        services.AddSingleton<BlobEvents>();
        services.AddHostedService(static provider => provider.GetRequiredService<BlobEvents>());
        services.AddSingleton<IIngress, EdgeIngress>();
        return services;

        string InFolder(string name)
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return Path.Combine(folder, name);
        }
    }

    /// <summary>Puts the endpoint before routing, where there is one; it takes the requests addressed to its containers.</summary>
    public static IApplicationBuilder UseBlobEndpoint(this IApplicationBuilder app) =>
        app.ApplicationServices.GetService<BlobEndpoint>() is { } endpoint ? app.Use(endpoint.InvokeAsync) : app;
}
