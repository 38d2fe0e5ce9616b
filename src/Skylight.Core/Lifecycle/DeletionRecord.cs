namespace Skylight.Core.Lifecycle;

/// <summary>
/// Something that was deleted: hidden from that moment, restorable until it is erased. A document of type <c>deletion</c>. The UIDs in it go when it is erased.
/// </summary>
public sealed record DeletionRecord
{
    public const string Type = "deletion";

    public int V { get; init; } = 1;

    public required string Institution { get; init; }

    public required string Id { get; init; }

    public required DeletionLevel Level { get; init; }

    public required DeletionReason Reason { get; init; }

    public required DeletionStatus Status { get; init; }

    public required string StudyKey { get; init; }

    public required string PatientKey { get; init; }

    public string? StudyInstanceUid { get; init; }

    public string? SeriesInstanceUid { get; init; }

    public string? SopInstanceUid { get; init; }

    /// <summary>SOP Instance UID of the rejection note that says so; null for a deletion by a request.</summary>
    public string? RejectionNote { get; init; }

    /// <summary>Instances that it hid.</summary>
    public int Instances { get; init; }

    /// <summary>Instances that its rejection note names and that were not here: they are refused when they come.</summary>
    public int Refused { get; init; }

    /// <summary>Account that asked for it, or the source of the rejection note.</summary>
    public required string By { get; init; }

    public DateTimeOffset At { get; init; }

    /// <summary>It is not erased before this; retention and holds may make it later. Of a covered one, when it is looked at again.</summary>
    public DateTimeOffset EraseAfter { get; init; }

    /// <summary>Who brought it back, and when; or when it was erased.</summary>
    public string? EndedBy { get; init; }

    public DateTimeOffset? EndedAt { get; init; }
}

public enum DeletionLevel
{
    Study,
    Series,
    Instances,
}

/// <summary>Why something was deleted. Codes are API: they are added to, never changed.</summary>
public enum DeletionReason
{
    /// <summary>Nobody said.</summary>
    Unspecified,

    /// <summary>It should not have been sent here.</summary>
    ReceivedInError,

    /// <summary>It belongs to another patient.</summary>
    WrongPatient,

    /// <summary>Rejected for quality reasons (113001, DCM).</summary>
    Quality,

    /// <summary>Rejected for patient safety reasons (113037, DCM).</summary>
    PatientSafety,

    /// <summary>Taken under the wrong worklist entry (113038, DCM).</summary>
    IncorrectWorklistEntry,

    /// <summary>Its retention is over (113039, DCM).</summary>
    RetentionExpired,

    /// <summary>The person it is about asked for it.</summary>
    SubjectRequest,
}

public enum DeletionStatus
{
    Hidden,
    Restored,

    /// <summary>Its erasure has begun: nothing brings it back.</summary>
    Erasing,
    Erased,

    /// <summary>On its way back: nothing erases it. A host that was killed leaves one behind; the next round of the timer, or asking again, ends it.</summary>
    Restoring,

    /// <summary>
    /// It hides nothing: another deletion hides what its rejection note names already. When that one is taken back this one hides it; when nothing is hidden any more it ends as
    /// <see cref="Erased"/>, or as <see cref="Restored"/> where a technician has taken some of it in again.
    /// </summary>
    Covered,
}
