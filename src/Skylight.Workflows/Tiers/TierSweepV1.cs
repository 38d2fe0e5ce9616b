using Microsoft.DurableTask;
using Skylight.Core.Catalog;
using Skylight.Core.Tiers;

namespace Skylight.Workflows.Tiers;

/// <summary>Input of <see cref="TierSweepV1"/>: keys, counts and settings.</summary>
/// <param name="Next">Where the last plan ended; null at the beginning.</param>
public sealed record TierSweepInput(int V, string Institution, string? Next, int Moved, int Waiting, TierSweepSettings Settings);

/// <param name="InFlight">Studies moved at a time.</param>
/// <param name="PlansPerRun">Plans after which the history starts anew.</param>
/// <param name="Attempts">How often a plan or move is tried; a study whose move fails for good is left to the next sweep.</param>
public sealed record TierSweepSettings(int InFlight, int PlansPerRun, int Attempts, int FirstRetrySeconds)
{
    public static TierSweepSettings Default { get; } = new(4, 10, 4, 5);
}

/// <summary>How far a sweep has got: the custom status of <see cref="TierSweepV1"/>.</summary>
/// <param name="Waiting">Studies that could not be moved now; the next sweep tries again.</param>
public sealed record TierSweepProgress(int Moved, int Waiting);

/// <summary>Input of the activity that looks for moves.</summary>
public sealed record TierPlanInput(string Institution, string? Next);

/// <summary>Input of the activity that moves one study.</summary>
public sealed record TierMoveInput(string Institution, string StudyKey, StorageTier Tier);

/// <summary>
/// Moves an institution's studies to the tiers that its policy wants: plan by plan, a few studies at a time. Every move may be repeated, so a host that dies
/// in the middle of one finishes it when it is back.
/// </summary>
public static class TierSweepV1
{
    public const string Name = nameof(TierSweepV1);
    public const string PlanActivity = "TierSweepV1Plan";
    public const string MoveActivity = "TierSweepV1Move";

    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    public static async Task<string> RunAsync(TaskOrchestrationContext context, TierSweepInput input)
    {
        var settings = input.Settings;
        var retry = TaskOptions.FromRetryPolicy(new RetryPolicy(settings.Attempts, TimeSpan.FromSeconds(settings.FirstRetrySeconds), 2, s_longestPause));
        var (next, moved, waiting) = (input.Next, input.Moved, input.Waiting);
        context.SetCustomStatus(new TierSweepProgress(moved, waiting));
        for (var plan = 0; plan < settings.PlansPerRun; plan++)
        {
            var found = await context.CallActivityAsync<TierPlan>(PlanActivity, new TierPlanInput(input.Institution, next), retry);
            foreach (var group in found.Moves.Chunk(settings.InFlight))
            {
                foreach (var done in await Task.WhenAll(group.Select(move => MoveAsync(context, input.Institution, move, retry))))
                    if (done) moved++;
                    else waiting++;
                context.SetCustomStatus(new TierSweepProgress(moved, waiting));
            }

            next = found.Next;
            if (next is null) return FormattableString.Invariant($"moved {moved}, waiting {waiting}");
        }

        context.ContinueAsNew(input with { Next = next, Moved = moved, Waiting = waiting });
        return "";
    }

    private static async Task<bool> MoveAsync(TaskOrchestrationContext context, string institution, PlannedMove move, TaskOptions retry)
    {
        try
        {
            return await context.CallActivityAsync<bool>(MoveActivity, new TierMoveInput(institution, move.StudyKey, move.Tier), retry);
        }
        catch (TaskFailedException)
        {
            // One study that cannot be moved (a full disk, damage) does not keep the others from it; the next sweep plans it again.
            return false;
        }
    }
}
