using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Lifecycle;
using Skylight.Workflows.Lifecycle;

namespace Skylight.Functions.Lifecycle;

/// <summary>Bindings of <see cref="EraseV1"/> and its activity.</summary>
public sealed class EraseOrchestration(Erasure erasure)
{
    [Function(EraseV1.Name)]
    public static Task Run([OrchestrationTrigger] TaskOrchestrationContext context, EraseInput input) => EraseV1.RunAsync(context, input);

    [Function(EraseV1.StepActivity)]
    public Task<bool> Step([ActivityTrigger] EraseStepInput input, CancellationToken cancellationToken) => erasure.StepAsync(input.Institution, input.ErasureId, cancellationToken);
}

/// <summary>Schedules erasure runs. Made for one invocation, around the client that the trigger was given.</summary>
internal static class EraseRuns
{
    /// <summary>One run at a time: the first instance id that is free, unless one before it is still going. However long an erasure waits, it is begun again.</summary>
    public static async ValueTask StartAsync(DurableTaskClient client, ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var run = 1; ; run++)
        {
            var id = $"erase-{erasure.Id}-{run}";
            if (await client.GetInstanceAsync(id, cancellationToken) is { } known)
            {
                if (known.RuntimeStatus is OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated) continue;
                return;
            }

            await client.ScheduleNewOrchestrationInstanceAsync(
                EraseV1.Name, new EraseInput(1, erasure.Institution, erasure.Id, EraseSettings.Default), new StartOrchestrationOptions(id), cancellationToken);
            return;
        }
    }
}

/// <summary>Every hour: what a killed host left half done is ended, what was deleted long enough ago is erased, and erasures that were interrupted go on.</summary>
public sealed class ErasureTimer(LifecycleUpkeep upkeep, ErasureDue due)
{
    [Function("erasures-due")]
    public async Task Run([TimerTrigger("0 17 * * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        await upkeep.RunAsync(cancellationToken);
        await due.RunAsync((erasure, token) => EraseRuns.StartAsync(client, erasure, token), cancellationToken);
    }
}
