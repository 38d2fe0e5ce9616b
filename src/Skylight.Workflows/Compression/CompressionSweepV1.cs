using Microsoft.DurableTask;
using Skylight.Archive.Coding;
using Skylight.Core.Compression;

namespace Skylight.Workflows.Compression;

/// <summary>Input of <see cref="CompressionSweepV1"/>: keys, counts and settings.</summary>
/// <param name="Next">Where the last plan ended; null at the beginning.</param>
/// <param name="Report">What it came to so far.</param>
public sealed record CompressionSweepInput(int V, string Institution, string? Next, CompressionReport Report, CompressionSweepSettings Settings);

/// <param name="InFlight">Studies compressed at a time: each keeps one processor busy.</param>
/// <param name="StudiesPerRun">Studies after which the history starts anew.</param>
/// <param name="Attempts">How often a step is tried; a study that fails for good is left to the next sweep.</param>
public sealed record CompressionSweepSettings(int InFlight, int StudiesPerRun, int Attempts, int FirstRetrySeconds)
{
    public static CompressionSweepSettings Default { get; } = new(1, 500, 3, 10);
}

/// <summary>Input of the activity that looks for studies.</summary>
public sealed record CompressionPlanInput(string Institution, string? Next);

/// <summary>Input of the activity that compresses some series of a study.</summary>
public sealed record CompressionStepInput(string Institution, string StudyKey, string? Next);

/// <summary>Input of the activity that keeps what a sweep came to.</summary>
public sealed record CompressionReportInput(string Institution, CompressionReport Report);

/// <summary>
/// Compresses an institution's studies as its policy says: plan by plan, study by study, step by step. Every step may be repeated, so a host that dies in the middle
/// of one goes on with it when it is back.
/// </summary>
public static class CompressionSweepV1
{
    public const string Name = nameof(CompressionSweepV1);
    public const string PlanActivity = "CompressionSweepV1Plan";
    public const string StepActivity = "CompressionSweepV1Step";
    public const string ReportActivity = "CompressionSweepV1Report";

    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    public static async Task<string> RunAsync(TaskOrchestrationContext context, CompressionSweepInput input)
    {
        var settings = input.Settings;
        var retry = TaskOptions.FromRetryPolicy(new RetryPolicy(settings.Attempts, TimeSpan.FromSeconds(settings.FirstRetrySeconds), 2, s_longestPause));
        var (next, report) = (input.Next, input.Report);
        context.SetCustomStatus(report);
        for (var studies = 0; studies < settings.StudiesPerRun;)
        {
            var plan = await context.CallActivityAsync<CompressionPlan>(PlanActivity, new CompressionPlanInput(input.Institution, next), retry);
            foreach (var group in plan.Studies.Chunk(settings.InFlight))
            {
                foreach (var done in await Task.WhenAll(group.Select(study => CompressAsync(context, input.Institution, study, retry)))) report = Add(report, done);
                context.SetCustomStatus(report);
            }

            // A plan of nothing counts too: a history of looking only must not grow without end either.
            studies += Math.Max(plan.Studies.Count, 1);
            next = plan.Next;
            if (next is not null) continue;
            report = report with { FinishedAt = context.CurrentUtcDateTime };
            await context.CallActivityAsync(ReportActivity, new CompressionReportInput(input.Institution, report), retry);
            return FormattableString.Invariant($"studies {report.Studies}, compressed {report.Coded}, failed {report.Failed}");
        }

        context.ContinueAsNew(input with { Next = next, Report = report });
        return "";
    }

    /// <summary>What one study came to; null when it failed: a full disk, or damage, which does not keep the others from it.</summary>
    private static async Task<CodingTally?> CompressAsync(TaskOrchestrationContext context, string institution, string study, TaskOptions retry)
    {
        var (tally, next) = (CodingTally.None, (string?)null);
        try
        {
            do
            {
                var step = await context.CallActivityAsync<CompressionStep>(StepActivity, new CompressionStepInput(institution, study, next), retry);
                (tally, next) = (tally + step.Tally, step.Next);
            }
            while (next is not null);
            return tally;
        }
        catch (TaskFailedException)
        {
            return null;
        }
    }

    private static CompressionReport Add(CompressionReport report, CodingTally? tally) => tally is null
        ? report with { Studies = report.Studies + 1, Failed = report.Failed + 1 }
        : report with
        {
            Studies = report.Studies + 1,
            Coded = report.Coded + tally.Coded,
            Refused = report.Refused + tally.Refused,
            Bytes = report.Bytes + tally.Bytes,
            StoredBytes = report.StoredBytes + tally.StoredBytes,
        };
}
