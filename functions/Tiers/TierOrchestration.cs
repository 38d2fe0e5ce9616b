using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Statistics;
using Skylight.Core.Tiers;
using Skylight.Workflows.Tiers;

namespace Skylight.Functions.Tiers;

/// <summary>Bindings of <see cref="TierSweepV1"/> and its activities.</summary>
public sealed class TierOrchestration(TierSweep sweep, StudyTiers tiers, StatisticsKeeper statistics)
{
    [Function(TierSweepV1.Name)]
    public static Task<string> Run([OrchestrationTrigger] TaskOrchestrationContext context, TierSweepInput input) => TierSweepV1.RunAsync(context, input);

    [Function(TierSweepV1.PlanActivity)]
    public Task<TierPlan> Plan([ActivityTrigger] TierPlanInput input, CancellationToken cancellationToken) => sweep.PlanAsync(input.Institution, input.Next, cancellationToken);

    [Function(TierSweepV1.MoveActivity)]
    public async Task<bool> Move([ActivityTrigger] TierMoveInput input, CancellationToken cancellationToken)
    {
        var moved = await tiers.MoveAsync(input.Institution, input.StudyKey, input.Tier, cancellationToken);
        await statistics.MarkAsync(input.Institution, input.StudyKey, cancellationToken);
        return moved != TierMove.Waiting;
    }
}

/// <summary>Starts sweeps, one at a time for an institution and hour.</summary>
internal static class TierSweeps
{
    private const int MostRuns = 100;

    /// <summary>The id of the sweep that was started, or of the one of this hour that is still going.</summary>
    public static async Task<string> StartAsync(DurableTaskClient client, string institution, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var id = "";
        for (var run = 1; run <= MostRuns; run++)
        {
            id = FormattableString.Invariant($"tiers-{institution}-{now.UtcDateTime:yyyyMMddHH}-{run}");
            if (await client.GetInstanceAsync(id, cancellationToken) is { } known)
            {
                if (known.RuntimeStatus is OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated) continue;
                return id;
            }

            await client.ScheduleNewOrchestrationInstanceAsync(
                TierSweepV1.Name, new TierSweepInput(1, institution, null, 0, 0, TierSweepSettings.Default), new StartOrchestrationOptions(id), cancellationToken);
            return id;
        }

        return id;
    }
}
