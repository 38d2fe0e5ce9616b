using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace Skylight.Benchmarks.Durable;

public static class DurableFlows
{
    [Function(nameof(Nothing))]
    public static int Nothing([ActivityTrigger] int number) => number;

    [Function(nameof(FanOut))]
    public static async Task<int> FanOut([OrchestrationTrigger] TaskOrchestrationContext context, int width)
    {
        var results = await Task.WhenAll(Enumerable.Range(0, width).Select(i => context.CallActivityAsync<int>(nameof(Nothing), i)));
        return results.Length;
    }

    [Function(nameof(Three))]
    public static async Task<int> Three([OrchestrationTrigger] TaskOrchestrationContext context, int number)
    {
        for (var i = 0; i < 3; i++) number = await context.CallActivityAsync<int>(nameof(Nothing), number + 1);
        return number;
    }

    /// <summary>Makes a history of so many events (two an activity), then waits to be poked.</summary>
    [Function(nameof(Long))]
    public static async Task<int> Long([OrchestrationTrigger] TaskOrchestrationContext context, int events)
    {
        for (var i = 0; i < events / 2; i++) await context.CallActivityAsync<int>(nameof(Nothing), i);
        context.SetCustomStatus(0);
        for (var poked = 1; ; poked++)
        {
            var more = await context.WaitForExternalEvent<bool>("poke");
            context.SetCustomStatus(poked);
            if (!more) return poked;
        }
    }
}
