using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Compression;
using Skylight.Workflows.Compression;

namespace Skylight.Functions.Compression;

/// <summary>Bindings of <see cref="CompressionSweepV1"/> and its activities.</summary>
public sealed class CompressionOrchestration(CompressionSweep sweep, StudyCompression compression, CompressionPolicies policies)
{
    [Function(CompressionSweepV1.Name)]
    public static Task<string> Run([OrchestrationTrigger] TaskOrchestrationContext context, CompressionSweepInput input) => CompressionSweepV1.RunAsync(context, input);

    [Function(CompressionSweepV1.PlanActivity)]
    public Task<CompressionPlan> Plan([ActivityTrigger] CompressionPlanInput input, CancellationToken cancellationToken) => sweep.PlanAsync(input.Institution, input.Next, cancellationToken);

    [Function(CompressionSweepV1.StepActivity)]
    public Task<CompressionStep> Step([ActivityTrigger] CompressionStepInput input, CancellationToken cancellationToken) =>
        compression.CompressAsync(input.Institution, input.StudyKey, input.Next, cancellationToken);

    [Function(CompressionSweepV1.ReportActivity)]
    public async Task Report([ActivityTrigger] CompressionReportInput input, CancellationToken cancellationToken) => await policies.ReportAsync(input.Institution, input.Report, cancellationToken);
}

/// <summary>Starts sweeps, one an institution and hour.</summary>
internal static class CompressionSweeps
{
    public static async Task<string> StartAsync(DurableTaskClient client, string institution, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var id = FormattableString.Invariant($"compression-{institution}-{now.UtcDateTime:yyyyMMddHH}");
        if (await client.GetInstanceAsync(id, cancellationToken) is not null) return id;
        var input = new CompressionSweepInput(1, institution, null, new CompressionReport(1, 0, 0, 0, 0, 0, 0, null), CompressionSweepSettings.Default);
        await client.ScheduleNewOrchestrationInstanceAsync(CompressionSweepV1.Name, input, new StartOrchestrationOptions(id), cancellationToken);
        return id;
    }
}
