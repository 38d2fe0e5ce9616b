using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Core.Identity;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

public static class LocalAudit
{
    /// <summary>Setting with the folder of the anchors, best on another volume. Default: <c>audit-anchors</c> in the data folder.</summary>
    public const string AnchorFolderSetting = "Skylight:Audit:AnchorFolder";

    /// <summary>The audit trail in <c>audit.db</c> of the data folder.</summary>
    public static IServiceCollection AddLocalAudit(this IServiceCollection services, string dataFolder)
    {
        // A factory of its own lifetime: the container closes the log, and with it the file, when the host stops.
        services.AddSingleton<IAuditLog>(p => Open(
            dataFolder, p.GetRequiredService<IConfiguration>()[AnchorFolderSetting], p.GetRequiredService<InstitutionSecret>(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<SqliteAuditLog>>()));
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
