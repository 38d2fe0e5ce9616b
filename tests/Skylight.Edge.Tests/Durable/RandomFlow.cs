using System.Globalization;
using Microsoft.DurableTask;

namespace Skylight.Edge.Tests.Durable;

/// <summary>An orchestration made up from a seed: every kind of step, in rows, at once and racing; its output tells all that it saw.</summary>
internal sealed class RandomFlow(int seed)
{
    private readonly List<string> _seen = [];

    public async Task<object?> RunAsync(TaskOrchestrationContext context)
    {
        // The plan is the same at every replay, since it comes from the seed alone.
        var plan = new Random(seed);
        var steps = plan.Next(1, 8);
        for (var step = 0; step < steps; step++) await StepAsync(context, plan, $"s{step}");
        return string.Join('\n', _seen);
    }

    private async Task StepAsync(TaskOrchestrationContext context, Random plan, string name)
    {
        switch (plan.Next(10))
        {
            case 0:
                See(name, await context.CallActivityAsync<string>("ok", name));
                break;
            case 1:
                See(name, string.Join(',', await Task.WhenAll(Enumerable.Range(0, plan.Next(1, 6)).Select(i => context.CallActivityAsync<string>("ok", $"{name}.{i}")))));
                break;
            case 2:
                await context.CreateTimer(TimeSpan.FromMinutes(plan.Next(1, 60)), CancellationToken.None);
                See(name, context.CurrentUtcDateTime.ToString("o", CultureInfo.InvariantCulture));
                break;
            case 3:
                await RaceAsync(context, plan, name);
                break;
            case 4:
                See(name, await context.WaitForExternalEvent<string>(plan.Next(2) == 0 ? "Red" : "BLUE"));
                break;
            case 5:
                await EventOrTimeoutAsync(context, plan, name);
                break;
            case 6:
                See(name, await context.CallSubOrchestratorAsync<string>("child", name));
                break;
            case 7:
                await RetryAsync(context, plan, name);
                break;
            case 8:
                context.SendEvent("other", "hello", name);
                context.SetCustomStatus(name);
                See(name, context.NewGuid().ToString());
                break;
            default:
                await Task.WhenAll(StepAsync(context, plan, name + "a"), StepAsync(context, plan, name + "b"));
                break;
        }
    }

    private async Task RaceAsync(TaskOrchestrationContext context, Random plan, string name)
    {
        using var cancel = new CancellationTokenSource();
        var work = context.CallActivityAsync<string>("ok", name);
        var late = context.CreateTimer(TimeSpan.FromMinutes(plan.Next(1, 30)), cancel.Token);
        if (await Task.WhenAny(work, late) == late)
        {
            See(name, "late");
            return;
        }

        // Not CancelAsync, which cancels on another thread.
        cancel.Cancel();
        See(name, await work);
    }

    private async Task EventOrTimeoutAsync(TaskOrchestrationContext context, Random plan, string name)
    {
        try
        {
            See(name, await context.WaitForExternalEvent<string>("red", TimeSpan.FromMinutes(plan.Next(1, 30))));
        }
        catch (TaskCanceledException)
        {
            See(name, "no event");
        }
    }

    private async Task RetryAsync(TaskOrchestrationContext context, Random plan, string name)
    {
        var policy = new RetryPolicy(plan.Next(1, 4), TimeSpan.FromMinutes(1), 2);
        try
        {
            See(name, await context.CallActivityAsync<string>("flaky", name, TaskOptions.FromRetryPolicy(policy)));
        }
        catch (TaskFailedException error)
        {
            See(name, $"{error.TaskId} {error.FailureDetails.ErrorMessage}");
        }
    }

    private void See(string name, string what) => _seen.Add($"{name}: {what}");
}
