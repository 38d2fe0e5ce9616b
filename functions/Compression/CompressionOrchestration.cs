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

/// <summary>How a sweep stands.</summary>
/// <param name="Status"><c>running</c>, <c>completed</c> or <c>failed</c>.</param>
/// <param name="Studies">Studies that have been looked at, of which <paramref name="Failed"/> could not be: the next sweep tries them again.</param>
/// <param name="Coded">Instances that are kept compressed now and were not; <paramref name="Refused"/>: those that stay as they are.</param>
/// <param name="Bytes">Of the compressed instances, as received; <paramref name="StoredBytes"/>: as they are kept.</param>
/// <param name="UpdatedAt">Of the last progress; of the end, when it has ended.</param>
public sealed record CompressionSweepState(string Id, string Status, int Studies, int Failed, int Coded, int Refused, long Bytes, long StoredBytes, DateTimeOffset StartedAt, DateTimeOffset UpdatedAt);

/// <summary>Starts sweeps, one at a time for an institution and hour.</summary>
internal static class CompressionSweeps
{
    public static Task<string> StartAsync(DurableTaskClient client, string institution, DateTimeOffset now, CancellationToken cancellationToken) => SweepRuns.StartAsync(
        client, Prefix(institution), CompressionSweepV1.Name, new CompressionSweepInput(1, institution, null, CompressionReport.None, CompressionSweepSettings.Default), now, cancellationToken);

    /// <summary>How a sweep of the institution stands; null where it has none of that id.</summary>
    public static async Task<CompressionSweepState?> FindAsync(DurableTaskClient client, string institution, string id, CancellationToken cancellationToken)
    {
        if (await SweepRuns.FindAsync(client, Prefix(institution), id, cancellationToken) is not { } run) return null;
        var report = (run.SerializedCustomStatus is null ? null : run.ReadCustomStatusAs<CompressionReport>()) ?? CompressionReport.None;
        return new CompressionSweepState(
            id, SweepRuns.StatusOf(run), report.Studies, report.Failed, report.Coded, report.Refused, report.Bytes, report.StoredBytes, run.CreatedAt, run.LastUpdatedAt);
    }

    private static string Prefix(string institution) => $"compression-{institution}";
}
