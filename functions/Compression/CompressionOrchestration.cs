using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Core.Compression;
using Skylight.Functions.Maintenance;
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

/// <summary>Starts sweeps, one at a time for an institution and hour.</summary>
internal static class CompressionSweeps
{
    public static Task<string> StartAsync(DurableTaskClient client, string institution, DateTimeOffset now, CancellationToken cancellationToken) => SweepRuns.StartAsync(
        client, $"compression-{institution}", CompressionSweepV1.Name,
        new CompressionSweepInput(1, institution, null, new CompressionReport(1, 0, 0, 0, 0, 0, 0, null), CompressionSweepSettings.Default), now, cancellationToken);
}
