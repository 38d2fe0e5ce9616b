using Microsoft.Extensions.Diagnostics.HealthChecks;
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
