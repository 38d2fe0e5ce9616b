using Skylight.Archive.Sealing;
using Skylight.Core.Ingest;
using Skylight.Core.Patients;

namespace Skylight.Core.Quarantine;

/// <summary>
/// Something that a technician must decide about: bytes that could not be identified, or content that is kept but not served. A document of type
/// <c>intake</c>. Its id follows from the content, so the same bytes sent again are the same item.
/// </summary>
public sealed record IntakeItem
{
    public const string Type = "intake";

    public int V { get; init; } = 1;

    public required string Institution { get; init; }

    public required string Id { get; init; }

    public required IntakeKind Kind { get; init; }

    public IntakeStatus Status { get; init; } = IntakeStatus.Open;

    public required IngestReason Reason { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Who sent it.</summary>
    public required IngestSource Source { get; init; }

    public string? UploadId { get; init; }

    /// <summary>What the sender called it; may name a person, so only whoever may release the item sees it.</summary>
    public string? Name { get; init; }

    /// <summary>Where the bytes lie; null for a held study, whose bytes are in its provisional document's parts.</summary>
    public StoredBytes? Bytes { get; init; }

    public string? SopClassUid { get; init; }

    public string? SopInstanceUid { get; init; }

    public string? SeriesInstanceUid { get; init; }

    public string? StudyInstanceUid { get; init; }

    /// <summary>The study that the content claims to belong to.</summary>
    public string? StudyKey { get; init; }

    /// <summary>The provisional study that holds the content.</summary>
    public string? ProvisionalKey { get; init; }

    /// <summary>The patient that the content names.</summary>
    public string? PatientKey { get; init; }

    public PatientIdentity? Patient { get; init; }

    /// <summary>Roles that may release it.</summary>
    public IReadOnlyList<string> ReleasedBy { get; init; } = ["technician"];

    /// <summary>Decisions so far, oldest first.</summary>
    public IReadOnlyList<IntakeDecision> Decisions { get; init; } = [];
}

/// <summary>Where sealed bytes of an item lie.</summary>
public sealed record StoredBytes(SealedReference Pack, long Offset, long Length);

/// <param name="By">Account id.</param>
public sealed record IntakeDecision(IntakeAction Action, string By, DateTimeOffset At, string? Note);

public enum IntakeKind
{
    /// <summary>Could not be identified at all.</summary>
    Quarantined,

    /// <summary>One instance whose UID the institution already has with other content.</summary>
    HeldInstance,

    /// <summary>A study's instances that name another patient.</summary>
    HeldStudy,

    /// <summary>Instances of a study that was deleted.</summary>
    DeletedStudy,
}

public enum IntakeStatus
{
    Open,

    /// <summary>Decided, and being carried out; the same decision again carries on after a crash.</summary>
    Deciding,
    Accepted,
    Linked,
    Reassigned,
    Rejected,
}

public enum IntakeAction
{
    Accept,
    Link,
    Reassign,
    Reject,
}
