using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Statistics;
using Skylight.Core.Tiers;
using Skylight.Functions.Maintenance;
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

/// <summary>How a sweep stands.</summary>
/// <param name="Status"><c>running</c>, <c>completed</c> or <c>failed</c>.</param>
/// <param name="Moved">Studies that are in the tier of the policy now and were not.</param>
/// <param name="Waiting">Studies that could not be moved; the next sweep tries again.</param>
/// <param name="UpdatedAt">Of the last progress; of the end, when it has ended.</param>
public sealed record SweepState(string Id, string Status, int Moved, int Waiting, DateTimeOffset StartedAt, DateTimeOffset UpdatedAt);

/// <summary>Starts sweeps, one at a time for an institution and hour.</summary>
internal static class TierSweeps
{
    /// <summary>The id of the sweep that was started, or of the one of this hour that is still going.</summary>
    public static Task<string> StartAsync(DurableTaskClient client, string institution, DateTimeOffset now, CancellationToken cancellationToken) =>
        SweepRuns.StartAsync(client, Prefix(institution), TierSweepV1.Name, new TierSweepInput(1, institution, null, 0, 0, TierSweepSettings.Default), now, cancellationToken);

    /// <summary>How a sweep of the institution stands; null where it has none of that id.</summary>
    public static async Task<SweepState?> FindAsync(DurableTaskClient client, string institution, string id, CancellationToken cancellationToken)
    {
        if (await SweepRuns.FindAsync(client, Prefix(institution), id, cancellationToken) is not { } run) return null;
        var progress = run.SerializedCustomStatus is null ? null : run.ReadCustomStatusAs<TierSweepProgress>();
        return new SweepState(id, SweepRuns.StatusOf(run), progress?.Moved ?? 0, progress?.Waiting ?? 0, run.CreatedAt, run.LastUpdatedAt);
    }

    private static string Prefix(string institution) => $"tiers-{institution}";
}
