using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Core.Identity;
using Skylight.Local.Journal;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

public static class LocalAudit
{
    /// <summary>Setting with the folder of the anchors, best on another volume. Default: <c>audit-anchors</c> in the data folder.</summary>
    public const string AnchorFolderSetting = "Skylight:Audit:AnchorFolder";

    /// <summary>Folder of the journal in front of <c>audit.db</c>.</summary>
    internal const string JournalFolder = "audit-journal";

    /// <summary>No floor: what is allowed while space is short, reading and deleting, is recorded too.</summary>
    private static readonly JournalOptions Options = new() { FileBytes = 16 << 20, MinFreeBytes = 0 };

    /// <summary>The audit trail in <c>audit.db</c> and <c>audit-journal</c> of the data folder.</summary>
    public static IServiceCollection AddLocalAudit(this IServiceCollection services, string dataFolder)
    {
        // A factory of its own lifetime: the container closes the log, and with it the files, when the host stops.
        services.AddSingleton(p => Open(
            dataFolder, p.GetRequiredService<IConfiguration>()[AnchorFolderSetting], p.GetRequiredService<InstitutionSecret>(), p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<SqliteAuditLog>>()));
        services.AddSingleton<IAuditLog>(static p => p.GetRequiredService<SqliteAuditLog>());
        services.AddHealthChecks().AddCheck<AuditHealth>("audit");
        return services;
    }

    /// <summary>Opens the trail of a data folder that nobody else writes to.</summary>
    /// <exception cref="JournalException">Another process has it, or a durable record is damaged.</exception>
    public static SqliteAuditLog Open(string dataFolder, string? anchorFolder, InstitutionSecret secret, TimeProvider time, ILogger<SqliteAuditLog> log) =>
        new(Database(dataFolder), Journal.Journal.Open(Path.Combine(dataFolder, JournalFolder), Options, time), Anchors(dataFolder, anchorFolder), secret, time, log);

    /// <summary>
    /// Opens the trail of a data folder to verify it, also while its host runs: <c>skylight audit verify --data</c>. Entries of the last quarter of a second before
    /// now, or before a crash, are verified as they wait in the journal, which is only read; pages of entries do not have them.
    /// </summary>
    public static SqliteAuditLog OpenForReading(string dataFolder, string? anchorFolder, InstitutionSecret secret, TimeProvider time, ILogger<SqliteAuditLog> log) =>
        new(Database(dataFolder), null, Anchors(dataFolder, anchorFolder), secret, time, log, () => JournalScan.Peek(Path.Combine(dataFolder, JournalFolder)));

    private static SqliteDatabase Database(string dataFolder) => SqliteDatabase.Open(Path.Combine(dataFolder, "audit.db"), SqliteDurability.Full, SqliteAuditLog.Schema);

    private static AnchorFiles Anchors(string dataFolder, string? folder) => new(folder is { Length: > 0 } ? folder : Path.Combine(dataFolder, "audit-anchors"));
}

/// <summary>Not healthy once the audit journal has failed: the host must be restarted to replay it.</summary>
internal sealed class AuditHealth(SqliteAuditLog audit) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(audit.Failure is { } failure ? HealthCheckResult.Unhealthy(failure.Message, failure) : HealthCheckResult.Healthy());
}
