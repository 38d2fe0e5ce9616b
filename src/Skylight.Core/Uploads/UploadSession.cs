namespace Skylight.Core.Uploads;

/// <summary>The record of one upload session, in its institution's partition.</summary>
public sealed record UploadSession
{
    public int V { get; init; } = 1;

    public required string Id { get; init; }

    public required string Institution { get; init; }

    /// <summary>Subject that opened the session; an upload node sees its own sessions only.</summary>
    public required string Owner { get; init; }

    public UploadState State { get; init; }

    public DateTimeOffset CreatedOn { get; init; }

    /// <summary>End of the SAS.</summary>
    public DateTimeOffset ExpiresOn { get; init; }

    /// <summary>When <see cref="State"/> changed last: what the repair timer measures from.</summary>
    public DateTimeOffset ChangedOn { get; init; }

    /// <summary>When completion was accepted; null while open.</summary>
    public DateTimeOffset? ClosedOn { get; init; }

    /// <summary>The stored manifest, until the content is frozen.</summary>
    public PageSet? Manifest { get; init; }

    /// <summary>The frozen content: one page is one ingest batch.</summary>
    public PageSet? Frozen { get; init; }

    public long Blobs { get; init; }

    public long Bytes { get; init; }

    /// <summary>1 for the first ingest run, one more for every run after a failure.</summary>
    public int Attempt { get; init; }

    /// <summary>Stable code of what made the session fail.</summary>
    public string? Failure { get; init; }

    /// <summary>The container and the frozen pages are deleted; record and report stay.</summary>
    public bool Cleaned { get; init; }
}

/// <summary>A run of numbered records written under a name of their own, so that two writers never mix their pages.</summary>
public sealed record PageSet(string Name, int Count);

/// <summary>Where a session is pointed to from outside its institution's partition: by its container, and by the timer.</summary>
internal sealed record UploadPointer(string Institution, DateTimeOffset CreatedOn);

public enum UploadState
{
    /// <summary>The SAS works; blobs arrive.</summary>
    Open,

    /// <summary>Completion is accepted; the SAS is being revoked and the content frozen.</summary>
    Closing,

    /// <summary>The content is frozen; the ingest run is being scheduled.</summary>
    Starting,

    /// <summary>The ingest run is scheduled.</summary>
    Running,
    Completed,
    Failed,
    Cancelled,
    Expired,
}

public enum UploadTrigger
{
    Complete,
    Frozen,
    Started,
    Succeed,
    Fail,
    Cancel,
    Expire,
}

/// <summary>The legal changes of a session's state, and no others.</summary>
public static class UploadTransitions
{
    /// <summary>The state after <paramref name="trigger"/>: the same state when it says nothing new, null when it is refused.</summary>
    public static UploadState? Next(UploadState state, UploadTrigger trigger) => (state, trigger) switch
    {
        (UploadState.Open, UploadTrigger.Complete) => UploadState.Closing,
        (UploadState.Open, UploadTrigger.Cancel) => UploadState.Cancelled,
        (UploadState.Open, UploadTrigger.Expire) => UploadState.Expired,

        (UploadState.Closing, UploadTrigger.Complete) => UploadState.Closing,
        (UploadState.Closing, UploadTrigger.Frozen) => UploadState.Starting,
        (UploadState.Closing, UploadTrigger.Fail) => UploadState.Failed,

        (UploadState.Starting, UploadTrigger.Complete) => UploadState.Starting,
        (UploadState.Starting, UploadTrigger.Started) => UploadState.Running,
        // A short run may end before its start is written down.
        (UploadState.Starting, UploadTrigger.Succeed) => UploadState.Completed,
        (UploadState.Starting, UploadTrigger.Fail) => UploadState.Failed,

        (UploadState.Running, UploadTrigger.Complete) => UploadState.Running,
        (UploadState.Running, UploadTrigger.Started) => UploadState.Running,
        (UploadState.Running, UploadTrigger.Succeed) => UploadState.Completed,
        (UploadState.Running, UploadTrigger.Fail) => UploadState.Failed,

        (UploadState.Completed, UploadTrigger.Complete) => UploadState.Completed,
        (UploadState.Completed, UploadTrigger.Started) => UploadState.Completed,
        (UploadState.Completed, UploadTrigger.Succeed) => UploadState.Completed,

        // The content is still frozen: completing again runs the ingest again, which is idempotent.
        (UploadState.Failed, UploadTrigger.Complete) => UploadState.Starting,
        (UploadState.Failed, UploadTrigger.Started) => UploadState.Failed,
        (UploadState.Failed, UploadTrigger.Fail) => UploadState.Failed,

        (UploadState.Cancelled, UploadTrigger.Cancel) => UploadState.Cancelled,
        (UploadState.Expired, UploadTrigger.Expire) => UploadState.Expired,

        _ => null,
    };

    /// <summary>Whether the session holds a place in its institution's quota.</summary>
    public static bool IsLive(UploadState state) => state is UploadState.Open or UploadState.Closing or UploadState.Starting or UploadState.Running;
}
