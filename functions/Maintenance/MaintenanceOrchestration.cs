using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Skylight.Core.Keys;
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

/// <summary>Every night: destroys keys that were replaced and that nothing needs any more.</summary>
public sealed class KeyRetirementTimer(KeyRetirement retirement)
{
    [Function("keys-retire")]
    public async Task Run([TimerTrigger("0 17 2 * * *")] TimerInfo timer, CancellationToken cancellationToken) => await retirement.RunAsync(cancellationToken);
}
