using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Audit;
using Skylight.Core.Events;
using Skylight.Core.Quarantine;
using Skylight.Functions.Events;

namespace Skylight.Functions.Ingest;

/// <summary>An archived study can be read again: what a technician has decided about its held content meanwhile is carried out.</summary>
public sealed class IntakeStudyEvent(IntakeService intake, IAuditLog audit, TimeProvider time)
{
    [Function("intake-study-ready")]
    [EventFilter(StudyEventTypes.Ready)]
    public async Task Ready([EventGridTrigger] string happened, CancellationToken cancellationToken)
    {
        if (EventStudy.Of(happened) is not { } study) return;
        foreach (var item in await intake.ResumeAsync(study.Institution, study.StudyKey, cancellationToken))
        {
            var decision = item.Decisions[^1];
            await audit.AppendAsync(
                study.Institution,
                new AuditEvent(
                    1, time.GetUtcNow(), decision.By, study.Institution, [], null, decision.Action == IntakeAction.Link ? "intake.link" : "intake.accept", null, item.StudyKey, item.PatientKey,
                    item.Id, null, ["after:rehydration"], null, "done"),
                cancellationToken);
        }
    }
}
