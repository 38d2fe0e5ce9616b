using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Lifecycle;
using Skylight.Core.Uploads;

namespace Skylight.Functions.Lifecycle;

/// <summary>Every hour: objects that nothing names, one slice of the archive after another; and idempotency keys of uploads that ended long ago.</summary>
public sealed class SweepTimer(OrphanSweep sweep, UploadKeys uploadKeys)
{
    [Function("objects-orphaned")]
    public async Task Run([TimerTrigger("0 27 * * * *")] TimerInfo timer, CancellationToken cancellationToken)
    {
        await sweep.RunAsync(cancellationToken);
        await uploadKeys.PurgeAsync(cancellationToken);
    }
}
