using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Uploads;
using Skylight.Workflows.Ingest;

namespace Skylight.Functions.Uploads;

/// <summary>Schedules ingest runs as orchestrations. Made for one invocation, around the client that the trigger was given.</summary>
internal sealed class DurableIngestStarter(DurableTaskClient client) : IIngestStarter
{
    public async ValueTask StartAsync(IngestStart start, CancellationToken cancellationToken)
    {
        // One run an attempt: its instance id says so, and an instance that is there, whatever became of it, is that run.
        if (await client.GetInstanceAsync(start.InstanceId, cancellationToken) is not null) return;
        await client.ScheduleNewOrchestrationInstanceAsync(IngestV1.Name, IngestInput.Of(start, IngestSettings.Default), new StartOrchestrationOptions(start.InstanceId), cancellationToken);
    }

    public async ValueTask<IngestRunState> GetAsync(string instanceId, CancellationToken cancellationToken) =>
        (await client.GetInstanceAsync(instanceId, cancellationToken))?.RuntimeStatus switch
        {
            null => IngestRunState.Missing,
            OrchestrationRuntimeStatus.Completed => IngestRunState.Succeeded,
            OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated => IngestRunState.Failed,
            _ => IngestRunState.Running,
        };
}
