using Skylight.Core.Documents;

namespace Skylight.Core.Catalog;

/// <summary>
/// The searchable record of studies: study documents with ETags, their search terms and the instance index. Every answer is within one institution.
/// Implementations pass <c>CatalogConformance</c>. The catalog is protected by its store's own encryption, not by study keys.
/// </summary>
public interface ICatalog
{
    /// <summary>The institution's study with this UID: never a provisional one. Hidden studies are returned; callers test <see cref="StudyDocument.IsVisible"/>.</summary>
    ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken);

    /// <summary>Point read by study key; provisional studies too.</summary>
    ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken);

    /// <summary>All index rows of these SOP Instance UIDs (at most 1,000 UIDs a call), in order of UID and revision.</summary>
    ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken);

    /// <summary>
    /// Index rows of an institution in order of UID (ordinal), from the first UID after <paramref name="after"/> (empty for the beginning): at most
    /// <paramref name="limit"/> rows, but all rows of a UID or none, and no row only at the end. For checks and repairs that walk the whole index.
    /// </summary>
    /// <param name="limit">1 to 1,000; exceeded only by a single UID that has more rows.</param>
    ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Keys of all studies of an institution, hidden and provisional ones too, in ordinal order, from the first after <paramref name="after"/> (empty for
    /// the beginning); none only at the end. A study that is there during the whole walk is in it once.
    /// </summary>
    /// <param name="limit">1 to 1,000.</param>
    ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Visible studies that match, newest study date and time first (then in an order of the store's own that never changes for a study, so that the order is total). Studies without a date come last.
    /// The cost depends on the page and its offset, not on the number of studies.
    /// </summary>
    /// <param name="limit">1 to 1,000.</param>
    /// <param name="offset">Studies to pass over; with a continuation, counted from there.</param>
    /// <param name="continuation">From the page before; opaque, stable while studies come and go.</param>
    ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken);

    /// <summary>Studies of any institution with unpublished events, or in a state whose time has come (see <see cref="StudyDue"/>), oldest first.</summary>
    ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Applies one change: the document, its search terms and its index rows, atomically. Ingest and handlers go through <see cref="ICommit"/>,
    /// which makes the change durable first where this store alone would not.
    /// </summary>
    /// <exception cref="DocumentConflictException">The stored document has another ETag than <see cref="StudyChange.ExpectedETag"/>.</exception>
    ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a study for good: the document, its search terms and its index rows, atomically. False when there is none. Handlers go through
    /// <see cref="ICommit.RemoveAsync"/>.
    /// </summary>
    /// <param name="sopInstanceUids">The UIDs that the study has index rows for: a store need not know them by study.</param>
    /// <exception cref="DocumentConflictException">The stored document has another ETag than <paramref name="etag"/>; nothing was removed.</exception>
    ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken);
}

/// <summary>A study named without personal data.</summary>
public readonly record struct StudyReference(string Institution, string StudyKey);

/// <summary>Which studies <see cref="ICatalog.ListDueAsync"/> lists.</summary>
public enum StudyDue
{
    /// <summary>Outbox not empty.</summary>
    Events,

    /// <summary>Receiving, and the last source's quiet time has passed; or quiet.</summary>
    Quiet,
}

/// <summary>One page of a search. <see cref="Continuation"/> is null on the last one.</summary>
public sealed record StudyPage(IReadOnlyList<StudySummary> Items, string? Continuation);

/// <summary>A study as a search lists it.</summary>
public sealed record StudySummary
{
    public required string StudyKey { get; init; }

    public required string StudyInstanceUid { get; init; }

    public required StudyAttributes Attributes { get; init; }

    public required string PatientKey { get; init; }

    public int Series { get; init; }

    public int Instances { get; init; }

    /// <summary>Bytes of all stored revisions as received.</summary>
    public long Bytes { get; init; }

    public StudyState State { get; init; }

    public StorageTier Tier { get; init; }

    public DateTimeOffset? TierAt { get; init; }

    public StudyCompressionMark? Compression { get; init; }

    public int Level { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Body parts of its series, ordinal order, at most eight.</summary>
    public IReadOnlyList<string> BodyParts { get; init; } = [];

    /// <summary>Code of the performing institution.</summary>
    public string? Performing { get; init; }

    public long Revision { get; init; }

    public DateTimeOffset ReceivedAt { get; init; }

    public static StudySummary Of(StudyDocument study) => new()
    {
        StudyKey = study.StudyKey,
        StudyInstanceUid = study.StudyInstanceUid,
        Attributes = study.Attributes,
        PatientKey = study.PatientKey,
        Series = study.Series.Count(series => series.Instances > 0),
        Instances = study.Instances(),
        Bytes = study.Series.Sum(series => series.Bytes),
        State = study.State,
        Tier = study.Tier,
        TierAt = study.TierAt,
        Compression = study.Compression,
        Level = study.Level,
        Tags = study.Tags,
        Categories = study.Categories,
        BodyParts = StudyFilter.BodyParts(study),
        Performing = study.Parties.Performing,
        Revision = study.Revision,
        ReceivedAt = study.ReceivedAt,
    };
}

/// <summary>A continuation that no page has given.</summary>
public sealed class InvalidContinuationException() : Exception("The continuation is not one that this catalog has issued.");
