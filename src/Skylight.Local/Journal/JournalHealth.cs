using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Skylight.Local.Journal;

/// <summary>Not healthy once the journal has failed: the host must be restarted to replay it.</summary>
internal sealed class JournalHealth(Journal journal) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(journal.Failure is { } failure ? HealthCheckResult.Unhealthy(failure.Message, failure) : HealthCheckResult.Healthy());
}

/// <summary>Meter <c>Skylight.Journal</c>: what has been committed, in how many groups, and what waits to be moved out.</summary>
internal static class JournalMetrics
{
    public static void Add(IMeterFactory meters, Journal journal)
    {
        var meter = meters.Create("Skylight.Journal");
        meter.CreateObservableCounter("skylight.journal.commits", () => journal.Commits, "{commit}", "Records made durable");
        meter.CreateObservableCounter("skylight.journal.groups", () => journal.Groups, "{group}", "Groups of records; each costs one fsync");
        meter.CreateObservableUpDownCounter("skylight.journal.objects", () => journal.Index.Count, "{object}", "Objects that wait to be moved out");
        meter.CreateObservableUpDownCounter("skylight.journal.bytes", () => journal.Index.Files.Sum(file => file.Length), "By", "Bytes in journal files");
        meter.CreateObservableUpDownCounter("skylight.journal.held", () => journal.Index.Held.Bytes, "By", "Bytes of drained files without a name, held for readers of what was replaced in them");
    }
}
