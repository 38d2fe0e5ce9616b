using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Queues;
using Skylight.Local.Audit;
using Skylight.Local.Queues;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;
using Skylight.Local.Timers;

namespace Skylight.Local;

/// <summary>The adapters of the edge: every port of Core on this machine's disk. One line a part; files are opened when first used.</summary>
public static class LocalAdapters
{
    /// <param name="dataFolder">Absolute; the host holds its lock.</param>
    public static IServiceCollection AddLocalAdapters(this IServiceCollection services, string dataFolder)
    {
        services.AddKeyedSingleton("records", (_, _) => SqliteDatabase.Open(Path.Combine(dataFolder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema));
        services.AddSingleton<IDocuments>(static provider => new SqliteDocuments(provider.GetRequiredKeyedService<SqliteDatabase>("records")));
        services.AddLocalRuntime(dataFolder);
        services.AddLocalArchive(dataFolder);
        services.AddLocalCatalog(dataFolder);
        services.AddLocalAudit(dataFolder);
        return services;
    }

    /// <summary>What the edge's triggers run on, wherever the archive is: queues with the events in them, and the timers' states.</summary>
    public static IServiceCollection AddLocalRuntime(this IServiceCollection services, string dataFolder)
    {
        services.AddKeyedSingleton("queues", (_, _) => SqliteDatabase.Open(Path.Combine(dataFolder, "queues.db"), SqliteDurability.Full, SqliteQueue.Schema + SqliteTimers.Schema));
        services.AddSingleton(static provider => new SqliteQueue(provider.GetRequiredKeyedService<SqliteDatabase>("queues"), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IQueue>(static provider => provider.GetRequiredService<SqliteQueue>());
        services.AddSingleton(static provider => new SqliteTimers(provider.GetRequiredKeyedService<SqliteDatabase>("queues")));
        services.AddSingleton<EventSubscriptions>();
        services.AddSingleton<IEventPublisher, SqliteEvents>();
        return services;
    }
}
