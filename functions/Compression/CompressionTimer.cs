using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Core.Compression;

namespace Skylight.Functions.Compression;

/// <summary>Every day at one, before the tiers: the policies of all institutions.</summary>
public sealed class CompressionTimer(CompressionSweep sweep, TimeProvider time)
{
    [Function("compression-nightly")]
    public async Task Sweep([TimerTrigger("0 7 1 * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        foreach (var institution in await sweep.InstitutionsAsync(cancellationToken)) await CompressionSweeps.StartAsync(client, institution, time.GetUtcNow(), cancellationToken);
    }
}
