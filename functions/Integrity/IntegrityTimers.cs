using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Events;
using Skylight.Core.Integrity;
using Skylight.Functions.Events;

namespace Skylight.Functions.Integrity;

/// <summary>Every minute: goes on with re-reading what is stored, and with the replica's sweep.</summary>
public sealed class IntegrityTimers(Scrub scrub, Replica replica)
{
    [Function("integrity-scrub")]
    public async Task ScrubStep([TimerTrigger("7 * * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await scrub.StepAsync(cancellationToken);

    [Function("replica-sweep")]
    public async Task ReplicaStep([TimerTrigger("31 * * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await replica.StepAsync(cancellationToken);
}

/// <summary>A study that has changed, or has come back from the archive tier, gets its second copy at once; the event is delivered again until it has.</summary>
public sealed class ReplicaEvent(Replica replica)
{
    private const string Source = "/institutions/";
    private const string Subject = "studies/";

    [Function("replica-study")]
    [EventFilter(StudyEventTypes.Stored, SubjectBeginsWith = Subject)]
    [EventFilter(StudyEventTypes.Updated, SubjectBeginsWith = Subject)]
    [EventFilter(StudyEventTypes.Complete, SubjectBeginsWith = Subject)]
    [EventFilter(StudyEventTypes.Ready, SubjectBeginsWith = Subject)]
    public async Task Run([EventGridTrigger] string changed, CancellationToken cancellationToken)
    {
        if (!replica.Exists) return;
        using var parsed = JsonDocument.Parse(changed);
        var (source, subject) = (parsed.RootElement.GetProperty("source").GetString()!, parsed.RootElement.GetProperty("subject").GetString()!);
        if (source.StartsWith(Source, StringComparison.Ordinal)) await replica.CopyStudyAsync(source[Source.Length..], subject[Subject.Length..], cancellationToken);
    }
}
