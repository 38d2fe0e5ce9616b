using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Journal;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>Catalog and commit of the edge.</summary>
public static class LocalCatalog
{
    /// <summary>Registers <c>catalog.db</c> behind the journal, which is replayed into it before the host takes requests.</summary>
    public static IServiceCollection AddLocalCatalog(this IServiceCollection services, string dataFolder)
    {
        services.AddKeyedSingleton("catalog", (_, _) => SqliteDatabase.Open(Path.Combine(dataFolder, "catalog.db"), SqliteDurability.Journaled, SqliteCatalog.Schema));
        services.AddSingleton(static provider => new SqliteCatalog(provider.GetRequiredKeyedService<SqliteDatabase>("catalog"), provider.GetService<TimeProvider>()));
        services.AddSingleton<ICatalog>(static provider => provider.GetRequiredService<SqliteCatalog>());
        services.AddSingleton<ICommit>(static provider => new JournalCommit(
            provider.GetRequiredService<Journal.Journal>(), provider.GetRequiredService<SqliteCatalog>(), token => PurgeAsync(provider, token)));
        services.AddHostedService<CatalogReplay>();
        return services;
    }

    /// <summary>The drain drops the journal's files; the checkpoints write freed pages, zeroed by then, over what was there. Resolved late: the drain merges, and merging commits.</summary>
    private static async Task PurgeAsync(IServiceProvider provider, CancellationToken cancellationToken)
    {
        await provider.GetRequiredService<JournalDrain>().DrainAllAsync(cancellationToken);
        await provider.GetRequiredService<SqliteCatalog>().FlushAsync(cancellationToken);
        foreach (var file in (string[])["catalog", "records", "queues", Core.Keys.ReplicatedKeyRecords.Service])
            if (provider.GetKeyedService<SqliteDatabase>(file) is { } database) await database.PurgeAsync(cancellationToken);
    }

    /// <summary>Brings the catalog up to the journal's end; from then on the journal accepts commits.</summary>
    public static async Task ReplayAsync(Journal.Journal journal, SqliteCatalog catalog, CancellationToken cancellationToken)
    {
        await catalog.RenewTermsAsync(cancellationToken);

        // A catalog that was made again knows of no record; a backup would look in vain for the first ones.
        await catalog.SkipAsync(journal.FirstSequence - 1);
        await journal.StartAsync(
            catalog.AppliedSequence(),
            (sequence, change, token) => new ValueTask(catalog.ReplayAsync(
                JsonSerializer.Deserialize<StudyChange>(change.Span, DocumentJson.Options) ?? throw new InvalidDataException("A journal record carries no change."), sequence, token)),
            (sequence, token) => new ValueTask(catalog.CheckpointAsync(sequence, token)),
            cancellationToken);
    }
}

/// <summary>Brings the catalog up to the journal's end at the start, before the host takes requests.</summary>
internal sealed class CatalogReplay(Journal.Journal journal, SqliteCatalog catalog) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => LocalCatalog.ReplayAsync(journal, catalog, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Spares the next start the replay of what was taken last.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken) => await catalog.FlushAsync(cancellationToken);
}
