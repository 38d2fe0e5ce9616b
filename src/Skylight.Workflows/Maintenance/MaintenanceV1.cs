using Microsoft.DurableTask;

namespace Skylight.Workflows.Maintenance;

/// <summary>Input of <see cref="MaintenanceV1"/>.</summary>
/// <param name="Attempt">Start or resumption of the run that this instance carries out.</param>
public sealed record MaintenanceInput(int V, string Institution, string RunId, int Attempt, MaintenanceSettings Settings);

/// <summary>Settings of an instance; they travel with it.</summary>
/// <param name="StepsPerRun">Steps after which the history starts anew.</param>
/// <param name="Attempts">How often a step is tried before the run counts as failed.</param>
/// <param name="FirstRetrySeconds">Pause after the first failed attempt; it doubles, up to five minutes.</param>
public sealed record MaintenanceSettings(int StepsPerRun, int Attempts, int FirstRetrySeconds)
{
    public static MaintenanceSettings Default { get; } = new(100, 8, 2);
}

/// <summary>Input of the activities: one step of a run, or its failure.</summary>
public sealed record MaintenanceStepInput(string Institution, string RunId, int Attempt);

/// <summary>
/// Takes a run's steps one after another until it is done, paused or superseded. How far it is stands in the run's own record, so nothing is lost or done
/// twice when the host dies.
/// </summary>
public static class MaintenanceV1
{
    public const string Name = nameof(MaintenanceV1);
    public const string StepActivity = "MaintenanceV1Step";
    public const string FailActivity = "MaintenanceV1Fail";

    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    public static async Task RunAsync(TaskOrchestrationContext context, MaintenanceInput input)
    {
        var settings = input.Settings;
        var retry = TaskOptions.FromRetryPolicy(new RetryPolicy(settings.Attempts, TimeSpan.FromSeconds(settings.FirstRetrySeconds), 2, s_longestPause));
        var step = new MaintenanceStepInput(input.Institution, input.RunId, input.Attempt);
        try
        {
            for (var i = 0; i < settings.StepsPerRun; i++)
                if (!await context.CallActivityAsync<bool>(StepActivity, step, retry)) return;
        }
        catch (TaskFailedException)
        {
            await context.CallActivityAsync(FailActivity, step, retry);
            return;
        }

        context.ContinueAsNew(input);
    }
}
