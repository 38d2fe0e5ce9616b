using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Events;
using Skylight.Core.Studies;

namespace Skylight.Functions.Ingest;

/// <summary>Every ten seconds: studies whose sources have gone quiet become complete, and what waits in outboxes is published.</summary>
public sealed class StudyTimer(StudyClock clock, StudyOutbox outbox)
{
    [Function("studies-advance")]
    public async Task Advance([TimerTrigger("*/10 * * * * *")] TimerInfo timer, CancellationToken cancellationToken)
    {
        await clock.AdvanceAsync(cancellationToken);
        await outbox.PublishAsync(cancellationToken);
    }
}
