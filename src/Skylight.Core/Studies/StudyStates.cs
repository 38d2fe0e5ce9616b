using Skylight.Core.Catalog;
using Skylight.Core.Events;

namespace Skylight.Core.Studies;

/// <summary>
/// Life of a study on arrival: receiving while any source has sent within its quiet time, then quiet, then complete. An instance that comes later takes it
/// back to receiving; if it had been complete, that is announced as an update. Pure functions of the document and the time.
/// </summary>
public static class StudyStates
{
    /// <summary>The document after a source has added instances to it.</summary>
    /// <param name="visible">Instances or revisions that searches and retrievals now see.</param>
    public static StudyDocument Received(StudyDocument before, StudyDocument after, string source, SourceTrust trust, int visible, TimeSpan quiet, DateTimeOffset now, string eventId)
    {
        if (visible == 0) return after with { Outbox = before.Outbox, State = before.State };
        var isFirst = !before.IsVisible();
        var sources = after.Sources.Where(known => known.Name != source).ToList();
        var earlier = after.Sources.FirstOrDefault(known => known.Name == source);
        sources.Add(new StudySource(source, trust, (earlier?.Instances ?? 0) + visible, now, now + quiet));
        // Only the newest sources count towards quietness; a study is not sent by hundreds.
        if (sources.Count > 32) sources.RemoveAt(0);
        return after with
        {
            Sources = sources,
            State = StudyState.Receiving,
            ReceivedAt = now,
            Outbox = isFirst ? Add(after, StudyEventTypes.Stored, visible, now, eventId)
                : before.State == StudyState.Complete ? Add(after, StudyEventTypes.Updated, visible, now, eventId)
                : after.Outbox,
        };
    }

    /// <summary>The next step that time alone brings; null when it is not due.</summary>
    public static StudyDocument? Advance(StudyDocument study, DateTimeOffset now, string eventId) => study.State switch
    {
        StudyState.Receiving when study.Sources.All(source => source.QuietAt <= now) => study with { State = StudyState.Quiet },
        StudyState.Quiet => study with { State = StudyState.Complete, Outbox = Add(study, StudyEventTypes.Complete, study.Instances(), now, eventId) },
        _ => null,
    };

    /// <summary>When <see cref="Advance"/> is to be tried; null where time alone brings nothing.</summary>
    public static DateTimeOffset? DueAt(StudyDocument study) => study.ProvisionalOf is not null || study.Hidden
        ? null
        : study.State switch
        {
            StudyState.Receiving => study.Sources.Count == 0 ? study.ReceivedAt : study.Sources.Max(source => source.QuietAt),
            StudyState.Quiet => study.ReceivedAt,
            _ => null,
        };

    private static IReadOnlyList<StudyEvent> Add(StudyDocument study, string type, int instances, DateTimeOffset now, string eventId) =>
        [.. study.Outbox, new StudyEvent(eventId, type, now, study.Revision + 1, instances)];
}
