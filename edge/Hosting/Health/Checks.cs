using Microsoft.Extensions.Diagnostics.HealthChecks;
using Skylight.Archive.Keys;
using Skylight.Core.Institutions;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;
using Skylight.Local.Queues;

namespace Skylight.Edge.Hosting.Health;

/// <summary>The data folder takes a file, and there is room for more.</summary>
internal sealed class DataFolderCheck(EdgeSetup setup, IOptions<EdgeOptions> options) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var floor = options.Value.MinFreeSpaceMiB;
            if (floor > 0 && new DriveInfo(setup.DataFolder).AvailableFreeSpace >> 20 < floor) return HealthCheckResult.Unhealthy("free space is below the floor");
            var probe = Path.Combine(setup.DataFolder, "probe");
            await File.WriteAllBytesAsync(probe, [1], cancellationToken);
            File.Delete(probe);
            return HealthCheckResult.Healthy();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return HealthCheckResult.Unhealthy("the folder cannot be written");
        }
    }
}

/// <summary>The record store answers.</summary>
internal sealed class RecordsCheck(IDocuments documents) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await documents.GetAsync<Nothing>(new DocumentKey("health", "health", "none"), cancellationToken);
        return HealthCheckResult.Healthy();
    }

    private sealed record Nothing;
}

/// <summary>The queues answer; messages in a poison queue are a warning.</summary>
internal sealed class QueuesCheck(SqliteQueue queue) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var poison = queue.Counts().Where(c => c.Key.EndsWith("-poison", StringComparison.Ordinal)).Sum(c => c.Value);
        return Task.FromResult(poison == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded("messages lie in a poison queue"));
    }
}

/// <summary>The institutions' own keys can be unwrapped. Names what is missing by its id; never a key.</summary>
internal sealed class KeysCheck(InstitutionDirectory institutions, IKeyRecordStore records, StudyKeys keys) : IHealthCheck
{
    private const int Institutions = 50;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            foreach (var item in (await institutions.ListAsync(Institutions, null, cancellationToken)).Items)
            {
                // Unwrapped keys are kept for minutes, so this costs a read of a small record.
                if (await records.GetAsync(item.Value.Code, KeyRecord.InstitutionSubject, cancellationToken) is null) continue;
                (await keys.GetOrCreateAsync(item.Value.Code, KeyRecord.InstitutionSubject, cancellationToken)).Dispose();
            }

            return HealthCheckResult.Healthy();
        }
        catch (KeyUnavailableException error)
        {
            // Without the second place of key records this host still reads, and stores to the studies that it knows.
            return error.Fault == KeyFault.NotReplicated ? HealthCheckResult.Degraded(error.Message) : HealthCheckResult.Unhealthy(error.Message);
        }
    }
}
