using Microsoft.DurableTask;

namespace Skylight.Workflows.Ingest;

/// <summary>
/// Takes in a completed upload: its frozen batches, several at a time, then the end of the session. A batch is repeated until it succeeds or its attempts
/// are used up; bad files are outcomes, not failures. The order of these steps is part of running instances: another order is another name.
/// </summary>
public static class IngestV1
{
    public const string Name = nameof(IngestV1);
    public const string BatchActivity = "IngestV1Batch";
    public const string FinishActivity = "IngestV1Finish";

    private const int MostInFlight = 32;
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    public static async Task RunAsync(TaskOrchestrationContext context, IngestInput input)
    {
        var settings = input.Settings;
        var retry = TaskOptions.FromRetryPolicy(new RetryPolicy(settings.Attempts, TimeSpan.FromSeconds(settings.FirstRetrySeconds), 2, s_longestPause));
        var end = Math.Min(input.Batches, input.Next + settings.BatchesPerRun);
        var running = new List<Task>();
        var failed = false;
        for (var batch = input.Next; batch < end && !failed; batch++)
        {
            running.Add(context.CallActivityAsync(BatchActivity, new IngestBatchInput(input.Institution, input.UploadId, batch), retry));
            if (running.Count >= Math.Min(settings.InFlight, MostInFlight)) failed = !await NextAsync(running);
        }

        while (running.Count > 0) failed |= !await NextAsync(running);
        if (!failed && end < input.Batches)
        {
            context.ContinueAsNew(input with { Next = end });
            return;
        }

        await context.CallActivityAsync(
            FinishActivity, new IngestFinishInput(input.Institution, input.UploadId, input.Attempt, failed ? "ingest-failed" : null), retry);
    }

    /// <summary>Waits for any of the batches and takes it out. False when it failed for good.</summary>
    private static async Task<bool> NextAsync(List<Task> running)
    {
        var done = await Task.WhenAny(running);
        running.Remove(done);
        try
        {
            await done;
            return true;
        }
        catch (TaskFailedException)
        {
            // The session reports the failure; what was taken in stays, and completing the session again repeats the run.
            return false;
        }
    }
}
