using Skylight.Archive.Objects;

namespace Skylight.Core.Catalog;

/// <summary>
/// The one way a study changes: objects first, made durable, then the study document conditionally. Two implementations: direct (objects to the
/// object store, then <see cref="ICatalog.ApplyAsync"/>), and the edge's journal (small objects and change in one record, one fsync for a group,
/// applied at once, replayed after a crash). When the task completes with <see cref="CommitOutcome.Committed"/>, a power cut loses nothing of it.
/// </summary>
public interface ICommit
{
    /// <summary>True where the small parts of a study are merged as the log is drained. Elsewhere they are merged when the study has gone quiet.</summary>
    bool MergesAsItDrains => false;

    /// <remarks>After <see cref="CommitOutcome.Conflict"/> nothing has changed: read again, repeat the duplicate check, retry. Any exception: unknown, so the same.</remarks>
    Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a study from the catalog for good, durably: no restart brings it back. <see cref="CommitOutcome.Committed"/> too when it was not there;
    /// <see cref="CommitOutcome.Conflict"/> when it has another ETag.
    /// </summary>
    /// <param name="sopInstanceUids">The UIDs that the study has index rows for.</param>
    Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken);

    /// <summary>
    /// Sees to it that what was removed from the catalog and from the documents is in no log and no free page of the store either. May take as long as
    /// draining the journal does. Idempotent.
    /// </summary>
    Task PurgeAsync(CancellationToken cancellationToken);
}

public enum CommitOutcome
{
    Committed,

    /// <summary>The study document has another ETag than expected.</summary>
    Conflict,
}

/// <summary>A change with the small objects that it names. Larger objects were committed to the object store before. The caller disposes the objects after the commit.</summary>
public sealed record CommitBatch(StudyChange Change, IReadOnlyList<SmallObject> Objects);

/// <summary>The new state of one study document and the instance-index rows that go with it.</summary>
public sealed record StudyChange
{
    public int V { get; init; } = 1;

    /// <summary>The whole new document; its <see cref="StudyDocument.Revision"/> is one more than the expected one's (1 for a new study).</summary>
    public required StudyDocument Document { get; init; }

    /// <summary>ETag of the document that this change was computed from; null when there was none.</summary>
    public string? ExpectedETag { get; init; }

    /// <summary>Rows to insert or to replace by identity.</summary>
    public IReadOnlyList<InstanceIndexRow> Rows { get; init; } = [];

    /// <summary>The next state of a study that was read as <paramref name="current"/>.</summary>
    public static StudyChange Of(StudyDocument? current, StudyDocument next, IReadOnlyList<InstanceIndexRow> rows) => new()
    {
        Document = next with { Revision = (current?.Revision ?? 0) + 1, ContentRevision = (current?.Revision ?? 0) + 1 },
        ExpectedETag = current?.ETag(),
        Rows = rows,
    };

    /// <summary>The next state after a step that no reader of the study's instances can tell: events sent, time gone by, parts merged, a hold, another tier.</summary>
    public static StudyChange Keeping(StudyDocument current, StudyDocument next) => new()
    {
        Document = next with { Revision = current.Revision + 1, ContentRevision = current.ReadersRevision() },
        ExpectedETag = current.ETag(),
    };
}
