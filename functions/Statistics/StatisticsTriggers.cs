using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Events;
using Skylight.Core.Statistics;
using Skylight.Functions.Events;

namespace Skylight.Functions.Statistics;

/// <summary>Every two minutes: the days of studies that have changed. Every night: everything.</summary>
public sealed class StatisticsTimer(StatisticsKeeper keeper)
{
    [Function("statistics-count")]
    public async Task Count([TimerTrigger("45 */2 * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await keeper.CountMarkedAsync(cancellationToken);

    [Function("statistics-reconcile")]
    public async Task Reconcile([TimerTrigger("0 23 4 * * *")] TimerInfo timer, CancellationToken cancellationToken) => await keeper.ReconcileAllAsync(cancellationToken);
}

/// <summary>A study was stored, completed, changed, deleted or restored: its day is counted again.</summary>
public sealed class StatisticsStudyEvent(StatisticsKeeper keeper)
{
    [Function("statistics-study-changed")]
    [EventFilter(StudyEventTypes.Stored)]
    [EventFilter(StudyEventTypes.Updated)]
    [EventFilter(StudyEventTypes.Complete)]
    [EventFilter(StudyEventTypes.Deleted)]
    [EventFilter(StudyEventTypes.Restored)]
    [EventFilter(StudyEventTypes.Ready)]
    public async Task Changed([EventGridTrigger] string happened, CancellationToken cancellationToken)
    {
        if (EventStudy.Of(happened) is { } study) await keeper.MarkAsync(study.Institution, study.StudyKey, cancellationToken);
    }
}
