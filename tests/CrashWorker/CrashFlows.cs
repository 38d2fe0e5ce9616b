using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace Skylight.CrashWorker;

public static class CrashFlows
{
    internal static AppendLog? Effects { get; set; }

    /// <summary>
    /// Each step is given the result of the one before, so a result that was applied twice, or replaced by that of a second run, shows as a step that was run with two
    /// different inputs. Uses every kind of work: activities in a row and at once, a retry, a timer, a sub-orchestration, a new execution.
    /// </summary>
    [Function(nameof(Chain))]
    public static async Task<List<string>> Chain([OrchestrationTrigger] TaskOrchestrationContext context, int round)
    {
        var results = new List<string> { $"start{round}" };
        for (var step = 0; step < 2; step++) results.Add(await context.CallActivityAsync<string>(nameof(Step), new StepInput($"{round}.{step}", results[^1])));
        var before = results[^1];
        var wide = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => context.CallActivityAsync<string>(nameof(Step), new StepInput($"{round}.wide{i}", before))));
        results.AddRange(wide);
        await context.CreateTimer(TimeSpan.FromMilliseconds(3), CancellationToken.None);
        results.Add(await context.CallSubOrchestratorAsync<string>(nameof(Inner), string.Join('|', wide), new SubOrchestrationOptions(instanceId: $"{context.InstanceId}-inner{round}")));
        results.Add(await context.CallActivityAsync<string>(
            nameof(Step), new StepInput($"{round}.last", results[^1]), TaskOptions.FromRetryPolicy(new RetryPolicy(5, TimeSpan.FromMilliseconds(1)))));
        if (round == 0) context.ContinueAsNew(1);
        return results;
    }

    [Function(nameof(Inner))]
    public static Task<string> Inner([OrchestrationTrigger] TaskOrchestrationContext context, string input) =>
        context.CallActivityAsync<string>(nameof(Step), new StepInput("inner", input));

    /// <summary>Collects events, carrying what it has over many executions, until told to stop.</summary>
    [Function(nameof(Collect))]
    public static async Task<List<string>> Collect([OrchestrationTrigger] TaskOrchestrationContext context, List<string> items)
    {
        for (var taken = 0; taken < 7; taken++)
        {
            var item = await context.WaitForExternalEvent<string>("item");
            if (item == "stop") return items;
            items.Add(item);
        }

        context.ContinueAsNew(items, preserveUnprocessedEvents: true);
        return items;
    }

    /// <summary>Gives a result that no other run gives, and notes that it ran.</summary>
    [Function(nameof(Step))]
    public static async Task<string> Step([ActivityTrigger] StepInput input, string instanceId)
    {
        var result = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        Effects!.Write(string.Create(CultureInfo.InvariantCulture, $"{instanceId} {input.Name} {input.Before} {result}"));
        if (result[0] == '0') await Task.Delay(2);
        return result[1] == '0' && input.Name.EndsWith("last", StringComparison.Ordinal) ? throw new InvalidOperationException("once in a while") : result;
    }
}

public sealed record StepInput(string Name, string Before);
