using System.Diagnostics.Metrics;
using Azure.Core.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;
using Skylight.Local.Journal;
using Skylight.Local.Keys;
using Skylight.Local.Objects;
using Skylight.Local.Sqlite;

namespace Skylight.Local;

/// <summary>Keys, objects and journal of the edge, under one data folder.</summary>
public static class LocalArchive
{
    /// <summary>
    /// Registers the key ring and study keys, the object store (folder <c>objects</c> under folder <c>journal</c>) and the pack reader. Whoever applies the
    /// journal's changes starts it (<see cref="Journal.Journal.StartAsync"/>) before the host takes requests.
    /// </summary>
    public static IServiceCollection AddLocalArchive(this IServiceCollection services, string dataFolder)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddLocalKeys(dataFolder);
        AddReplica(services, dataFolder);
        AddOptions<FolderObjectStoreOptions, FolderObjectStoreOptionsValidator>(services, FolderObjectStoreOptions.Section);
        AddOptions<JournalOptions, JournalOptionsValidator>(services, JournalOptions.Section);
        // What callers are told: the delay of this store, unless the settings say otherwise.
        services.AddOptions<TierOptions>().PostConfigure<IOptions<FolderObjectStoreOptions>>(static (tiers, folder) => tiers.RehydrationMinutes ??= (folder.Value.RehydrationDelaySeconds + 59) / 60);
        services.AddSingleton(provider => FolderObjectStore.Open(
            Path.Combine(dataFolder, "objects"), provider.GetRequiredService<IOptions<FolderObjectStoreOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => Journal.Journal.Open(
            Path.Combine(dataFolder, "journal"), provider.GetRequiredService<IOptions<JournalOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IObjectStore>(static provider =>
            new JournalObjectStore(provider.GetRequiredService<Journal.Journal>(), provider.GetRequiredService<FolderObjectStore>()).WithReplica(provider));
        services.TryAddSingleton(static _ => Pictures.Codecs());
        services.AddSingleton<PackReader>();
        services.AddSingleton(Drain);
        services.AddHostedService(static provider => provider.GetRequiredService<JournalDrain>());
        services.AddHealthChecks().AddCheck<JournalHealth>("journal");
        return services;
    }

    private static void AddReplica(IServiceCollection services, string dataFolder)
    {
        services.AddOptionsWithValidateOnStart<ReplicaOptions>().BindConfiguration(ReplicaOptions.Section);
        services.AddSingleton<IValidateOptions<ReplicaOptions>>(provider => new ReplicaRules(dataFolder, provider.GetRequiredService<IOptions<FolderObjectStoreOptions>>()));
        services.AddKeyedSingleton<IObjectStore>(Replica.Service, static (provider, _) =>
            provider.GetRequiredService<IOptions<ReplicaOptions>>().Value.Folder is { Length: > 0 } folder
                ? FolderObjectStore.Open(
                    folder,
                    new FolderObjectStoreOptions { MinFreeBytes = provider.GetRequiredService<IOptions<FolderObjectStoreOptions>>().Value.MinFreeBytes },
                    provider.GetRequiredService<TimeProvider>())
                : null!);
        services.AddKeyedSingleton<SqliteDatabase>(ReplicatedKeyRecords.Service, static (provider, _) =>
            provider.GetRequiredService<IOptions<ReplicaOptions>>().Value.KeyFolder is { Length: > 0 } folder
                ? SqliteDatabase.Open(Path.Combine(Directory.CreateDirectory(folder).FullName, "keys.db"), SqliteDurability.Full, SqliteDocuments.Schema)
                : null!);
        services.AddKeyedSingleton<IKeyRecordStore>(ReplicatedKeyRecords.Service, static (provider, _) =>
            provider.GetKeyedService<SqliteDatabase>(ReplicatedKeyRecords.Service) is { } second
                ? new PlacedKeyRecords(new DocumentKeyRecords(new SqliteDocuments(second)), Path.Combine(provider.GetRequiredService<IOptions<ReplicaOptions>>().Value.KeyFolder!, "keys.db"))
                : null!);
        services.AddHealthChecks().AddCheck<ReplicaHealth>("replica");
    }

    private static JournalDrain Drain(IServiceProvider provider)
    {
        var journal = provider.GetRequiredService<Journal.Journal>();
        if (provider.GetService<IMeterFactory>() is { } meters) JournalMetrics.Add(meters, journal);
        return new JournalDrain(
            journal,
            provider.GetRequiredService<FolderObjectStore>(),
            provider.GetRequiredService<IOptions<JournalOptions>>().Value,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<JournalDrain>>())
        {
            Compact = provider.GetService<SeriesMerge>() is { } merge ? (objects, token) => CompactAsync(merge, objects, token) : null,
        };
    }

    private static async ValueTask<JournalVerdict> CompactAsync(SeriesMerge merge, IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        var (expired, waiting) = await merge.MergeOwnersAsync(objects, cancellationToken);
        return new JournalVerdict(expired, waiting);
    }

    /// <summary>Registers the key ring of a data folder as the resolver of key-encryption keys, and study keys under it.</summary>
    public static IServiceCollection AddLocalKeys(this IServiceCollection services, string dataFolder)
    {
        services.AddOptions<KeyRingOptions>().BindConfiguration(KeyRingOptions.Section);
        services.AddSingleton(provider => LocalKeyRing.OpenOrCreate(dataFolder, provider.GetRequiredService<IOptions<KeyRingOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IKeyEncryptionKeyResolver>(static provider => provider.GetRequiredService<LocalKeyRing>());
        services.AddSingleton<IKeyEncryptionKeyVersions>(static provider => provider.GetRequiredService<LocalKeyRing>());
        return services.AddStudyKeys();
    }

    private static void AddOptions<TOptions, TValidator>(IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddOptionsWithValidateOnStart<TOptions>().BindConfiguration(section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, TValidator>());
    }
}
