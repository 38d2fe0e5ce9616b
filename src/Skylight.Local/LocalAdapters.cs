using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local;

/// <summary>The adapters of the edge: every port of Core on this machine's disk. One line a part; files are opened when first used.</summary>
public static class LocalAdapters
{
    /// <param name="dataFolder">Absolute; the host holds its lock.</param>
    public static IServiceCollection AddLocalAdapters(this IServiceCollection services, string dataFolder)
    {
        services.AddKeyedSingleton("records", (_, _) => SqliteDatabase.Open(Path.Combine(dataFolder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema));
        services.AddSingleton<IDocuments>(static provider => new SqliteDocuments(provider.GetRequiredKeyedService<SqliteDatabase>("records")));
        return services;
    }
}
