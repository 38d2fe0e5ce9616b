using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Institutions;
using Skylight.Core.Keys;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Maintenance;
using Skylight.Workflows.Maintenance;

namespace Skylight.Functions.Maintenance;

/// <summary>Bindings of <see cref="MaintenanceV1"/> and its activities.</summary>
public sealed class MaintenanceOrchestration(MaintenanceRuns runs)
{
    [Function(MaintenanceV1.Name)]
    public static Task Run([OrchestrationTrigger] TaskOrchestrationContext context, MaintenanceInput input) => MaintenanceV1.RunAsync(context, input);

    [Function(MaintenanceV1.StepActivity)]
    public async Task<bool> Step([ActivityTrigger] MaintenanceStepInput input, CancellationToken cancellationToken) =>
        await runs.StepAsync(input.Institution, input.RunId, input.Attempt, cancellationToken);

    [Function(MaintenanceV1.FailActivity)]
    public async Task Fail([ActivityTrigger] MaintenanceStepInput input, CancellationToken cancellationToken) =>
        await runs.FailAsync(input.Institution, input.RunId, input.Attempt, cancellationToken);
}

/// <summary>Schedules the orchestration of a run, once.</summary>
internal static class MaintenanceStarts
{
    public static async ValueTask ScheduleAsync(DurableTaskClient client, MaintenanceRun run, CancellationToken cancellationToken)
    {
        if (await client.GetInstanceAsync(run.InstanceId(), cancellationToken) is not null) return;
        await client.ScheduleNewOrchestrationInstanceAsync(
            MaintenanceV1.Name, new MaintenanceInput(1, run.Institution, run.Id, run.Attempt, MaintenanceSettings.Default), new StartOrchestrationOptions(run.InstanceId()), cancellationToken);
    }
}

/// <summary>Every five minutes: a run that was recorded by a host that died before it could schedule it is scheduled.</summary>
public sealed class MaintenanceTimer(MaintenanceRuns runs, InstitutionDirectory institutions)
{
    [Function("maintenance-due")]
    public async Task Run([TimerTrigger("25 */5 * * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        await foreach (var institution in institutions.CodesAsync(cancellationToken))
            foreach (var run in await runs.RunningAsync(institution, cancellationToken)) await MaintenanceStarts.ScheduleAsync(client, run, cancellationToken);
    }
}

/// <summary>Every night: destroys keys that were replaced and that nothing needs any more.</summary>
public sealed class KeyRetirementTimer(KeyRetirement retirement)
{
    [Function("keys-retire")]
    public async Task Run([TimerTrigger("0 17 2 * * *")] TimerInfo timer, CancellationToken cancellationToken) => await retirement.RunAsync(cancellationToken);
}

/// <summary>Every hour: a generation of the wrapped keys in the second account, if one is due, and erasures again that a restored database has forgotten.</summary>
public sealed class KeyBackupTimer(KeyGenerations generations)
{
    [Function("keys-backup")]
    public async Task Run([TimerTrigger("0 37 * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await generations.StepAsync(cancellationToken);
}
