using Microsoft.DurableTask;

namespace Skylight.Workflows.Lifecycle;

/// <summary>
/// Carries out an approved erasure: its steps one after another, each repeated until it succeeds or its attempts are used up. The record knows which step is next; a
/// run that fails is begun again by a timer and goes on there.
/// </summary>
public static class EraseV1
{
    public const string Name = nameof(EraseV1);
    public const string StepActivity = "EraseV1Step";

    /// <summary>An erasure has fewer than ten steps, twice that when instances turn out to be all that a study had.</summary>
    private const int MostSteps = 40;
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(10);

    public static async Task RunAsync(TaskOrchestrationContext context, EraseInput input)
    {
        var settings = input.Settings;
        var retry = TaskOptions.FromRetryPolicy(new RetryPolicy(settings.Attempts, TimeSpan.FromSeconds(settings.FirstRetrySeconds), 2, s_longestPause));
        for (var step = 0; step < MostSteps; step++)
            if (!await context.CallActivityAsync<bool>(StepActivity, new EraseStepInput(input.Institution, input.ErasureId), retry)) return;
    }
}

/// <summary>Input of <see cref="EraseV1"/>: keys and settings; never personal data.</summary>
public sealed record EraseInput(int V, string Institution, string ErasureId, EraseSettings Settings);

/// <summary>Settings of a run; they travel with it, so that a change of configuration does not disturb a replay.</summary>
/// <param name="Attempts">How often a step is tried before the run fails.</param>
/// <param name="FirstRetrySeconds">Pause after the first failed attempt; it doubles, up to ten minutes.</param>
public sealed record EraseSettings(int Attempts, int FirstRetrySeconds)
{
    public static EraseSettings Default { get; } = new(8, 2);
}

/// <summary>Input of the activity that does the next step.</summary>
public sealed record EraseStepInput(string Institution, string ErasureId);
