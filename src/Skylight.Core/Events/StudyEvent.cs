namespace Skylight.Core.Events;

/// <summary>
/// An event that waits in a study document's outbox. It names the study by key only; subscribers fetch what they may see.
/// Delivery is at least once: <see cref="Id"/> is stable, so a subscriber can tell a repetition.
/// </summary>
/// <param name="Id">Unique, opaque.</param>
/// <param name="Type">One of <see cref="StudyEventTypes"/>.</param>
/// <param name="At">When it happened, UTC.</param>
/// <param name="Revision">Revision of the study document that it belongs to.</param>
/// <param name="Instances">Instances that it is about: those added, or all of a complete study.</param>
public sealed record StudyEvent(string Id, string Type, DateTimeOffset At, long Revision, int Instances)
{
    public int V { get; init; } = 1;
}

/// <summary>Types of study events.</summary>
public static class StudyEventTypes
{
    /// <summary>The first instances of a study are durable.</summary>
    public const string Stored = "study.stored";

    /// <summary>Instances or revisions were added to a study that was already complete.</summary>
    public const string Updated = "study.updated";

    /// <summary>All or some instances of a study were deleted or rejected: they answer as missing.</summary>
    public const string Deleted = "study.deleted";

    /// <summary>Instances that had been deleted or rejected are back.</summary>
    public const string Restored = "study.restored";

    /// <summary>An archived study that somebody asked for can be read.</summary>
    public const string Ready = "study.ready";

    /// <summary>No source has sent for its quiet time.</summary>
    public const string Complete = "study.complete";
}
