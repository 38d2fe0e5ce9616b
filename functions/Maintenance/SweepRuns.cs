using System.Text.RegularExpressions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Skylight.Functions.Maintenance;

/// <summary>Starts an orchestration that goes through an institution's studies, unless one is under way there.</summary>
internal static partial class SweepRuns
{
    private const int MostAnHour = 100;

    /// <summary>The id of the run that was started, or of the one of this hour that is still going.</summary>
    /// <param name="prefix">Of the ids: which sweep, of which institution.</param>
    public static async Task<string> StartAsync(DurableTaskClient client, string prefix, string orchestration, object input, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var id = "";
        for (var run = 1; run <= MostAnHour; run++)
        {
            id = FormattableString.Invariant($"{prefix}-{now.UtcDateTime:yyyyMMddHH}-{run}");
            if (await client.GetInstanceAsync(id, cancellationToken) is { } known)
            {
                if (known.RuntimeStatus is OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated) continue;
                return id;
            }

            await client.ScheduleNewOrchestrationInstanceAsync(orchestration, input, new StartOrchestrationOptions(id), cancellationToken);
            return id;
        }

        return id;
    }

    /// <summary>A run with this prefix, with its custom status; null where there is none, or not any more.</summary>
    public static async Task<OrchestrationMetadata?> FindAsync(DurableTaskClient client, string prefix, string id, CancellationToken cancellationToken)
    {
        // An institution's code may begin another's: behind the prefix stand hour and number alone.
        var own = id.StartsWith(prefix, StringComparison.Ordinal) && Suffix().IsMatch(id[prefix.Length..]);
        return own ? await client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellationToken) : null;
    }

    [GeneratedRegex("^-[0-9]{10}-[0-9]{1,3}$")]
    private static partial Regex Suffix();

    public static string StatusOf(OrchestrationMetadata run) => run.RuntimeStatus switch
    {
        OrchestrationRuntimeStatus.Completed => "completed",
        OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated => "failed",
        _ => "running",
    };
}
