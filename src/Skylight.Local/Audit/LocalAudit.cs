using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Core.Identity;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

public static class LocalAudit
{
    /// <summary>The audit trail in <c>audit.db</c> of the data folder, with its anchors in <paramref name="anchorFolder"/>, best on another volume.</summary>
    public static IServiceCollection AddLocalAudit(this IServiceCollection services, string dataFolder, string? anchorFolder)
    {
        // A factory of its own lifetime: the container closes the log, and with it the file, when the host stops.
        services.AddSingleton<IAuditLog>(p => Open(
            dataFolder, anchorFolder, p.GetRequiredService<InstitutionSecret>(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<SqliteAuditLog>>()));
        return services;
    }

    /// <summary>Opens the trail of a data folder; also used offline, by <c>skylight audit verify --data</c>.</summary>
    public static SqliteAuditLog Open(string dataFolder, string? anchorFolder, InstitutionSecret secret, TimeProvider time, ILogger<SqliteAuditLog> log) => new(
        SqliteDatabase.Open(Path.Combine(dataFolder, "audit.db"), SqliteDurability.Full, SqliteAuditLog.Schema),
        new AnchorFiles(anchorFolder ?? Path.Combine(dataFolder, "audit-anchors")),
        secret,
        time,
        log);
}
