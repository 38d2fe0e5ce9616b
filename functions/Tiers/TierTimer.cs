using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Core.Tiers;

namespace Skylight.Functions.Tiers;

/// <summary>Every day at three: the policies of all institutions. Every minute: rehydrations under way. Every five: which studies were read.</summary>
public sealed class TierTimer(TierSweep sweep, Rehydrations rehydrations, StudyUse use, TimeProvider time)
{
    [Function("tiers-sweep")]
    public async Task Sweep([TimerTrigger("0 7 3 * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        foreach (var institution in await sweep.InstitutionsAsync(cancellationToken)) await TierSweeps.StartAsync(client, institution, time.GetUtcNow(), cancellationToken);
    }

    [Function("tiers-rehydrate")]
    public async Task Rehydrate([TimerTrigger("35 * * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await rehydrations.AdvanceAsync(cancellationToken);

    [Function("studies-use")]
    public async Task Use([TimerTrigger("50 */5 * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await use.FlushAsync(cancellationToken);
}
