using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Core.Keys;
using Skylight.Local.Keys;

namespace Skylight.Local.Objects;

/// <summary>Warns when a second place is configured and is not there (any more): a host that reads and stores has one copy only meanwhile.</summary>
internal sealed class ReplicaHealth(IOptions<ReplicaOptions> options, [FromKeyedServices(ReplicatedKeyRecords.Service)] IKeyRecordStore? keys = null) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var missing = new List<string>();
        if (options.Value.Folder is { Length: > 0 } folder && !FolderObjectStore.IsIn(folder)) missing.Add("the folder of second copies is gone");
        if (keys is PlacedKeyRecords { IsThere: false }) missing.Add("the second place of key records is gone");
        return Task.FromResult(missing.Count == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(string.Join("; ", missing)));
    }
}
