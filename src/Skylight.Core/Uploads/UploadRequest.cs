namespace Skylight.Core.Uploads;

/// <param name="Owner">Subject of the caller.</param>
/// <param name="Days">Length of a long session; null for an ordinary one.</param>
/// <param name="IdempotencyKey">The client's key for this request; null when it gave none.</param>
public sealed record UploadRequest(string Institution, string Owner, int? Days, string? IdempotencyKey);

/// <summary>Why an upload request is not carried out. An expected answer, not an exception.</summary>
public enum UploadRefusal
{
    NotFound,

    /// <summary>The session's state does not allow it.</summary>
    WrongState,

    /// <summary>The institution has as many live sessions as it may have.</summary>
    TooManySessions,

    /// <summary>The store's free space is under its floor.</summary>
    NoSpace,

    /// <summary>The same Idempotency-Key came with another request.</summary>
    KeyReused,
    DaysOutOfRange,
}

/// <summary>An opened session with its URL, or the refusal (with the session that the idempotency key belongs to, when that one is closed).</summary>
public sealed record UploadOpened(UploadSession? Session, Uri? Url, UploadRefusal? Refusal)
{
    public UploadOpened(UploadSession session, Uri url)
        : this(session, url, null)
    {
    }

    public UploadOpened(UploadRefusal refusal)
        : this(null, null, refusal)
    {
    }

    /// <summary>Without the URL, which is a credential.</summary>
    public override string ToString() => $"{nameof(UploadOpened)} {Session?.Id} {Refusal}";
}

/// <summary>A session after a change, or the refusal (with the session as it is, where there is one).</summary>
public sealed record UploadChange(UploadSession? Session, UploadRefusal? Refusal)
{
    public UploadChange(UploadSession session)
        : this(session, null)
    {
    }

    public UploadChange(UploadRefusal refusal, UploadSession? session = null)
        : this(session, refusal)
    {
    }
}

/// <summary>Codes under which this capability rejects blobs in the report; ingest uses <see cref="Changed"/> too.</summary>
public static class UploadRejections
{
    /// <summary>Overwritten or deleted after completion and before ingest had read it: nothing of it was taken.</summary>
    public const string Changed = "blob-changed";

    /// <summary>Overwritten after ingest had read it: the version that was completed was taken, the later one was not.</summary>
    public const string ChangedLate = "blob-changed-late";

    /// <summary>Committed after completion.</summary>
    public const string Late = "blob-added-late";

    /// <summary>Blocks were staged, but the blob was never committed.</summary>
    public const string NotCommitted = "blob-not-committed";

    /// <summary>Named by the manifest, never uploaded.</summary>
    public const string Missing = "blob-missing";
    public const string ManifestInvalid = "manifest-invalid";
}
