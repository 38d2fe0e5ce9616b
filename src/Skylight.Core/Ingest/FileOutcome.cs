using System.Text.Json.Serialization;

namespace Skylight.Core.Ingest;

/// <summary>What became of one file: of one that was sent, or of one found inside an archive.</summary>
public sealed record FileOutcome
{
    /// <summary>Name it was sent under.</summary>
    public required string Name { get; init; }

    /// <summary>Path inside the archive, as written there; display only, never used as a path.</summary>
    public string? Entry { get; init; }

    public required OutcomeKind Kind { get; init; }

    /// <summary>Why it was rejected, held or ignored; null when stored.</summary>
    public IngestReason? Reason { get; init; }

    public string? SopClassUid { get; init; }

    public string? SopInstanceUid { get; init; }

    public string? StudyInstanceUid { get; init; }

    public string? SeriesInstanceUid { get; init; }

    /// <summary>Study that it was stored in; null when it was not.</summary>
    public string? StudyKey { get; init; }

    /// <summary>Intake item of a held or quarantined file.</summary>
    public string? ItemId { get; init; }

    /// <summary>Bytes.</summary>
    public long Length { get; init; }

    /// <summary>Things worth knowing that did not keep it from being stored: finding codes, without values.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    /// <summary>Durable and served: stored, a revision, or a duplicate of something stored.</summary>
    [JsonIgnore]
    public bool IsSuccess => Kind is OutcomeKind.Stored or OutcomeKind.Revision or OutcomeKind.Duplicate;
}

public enum OutcomeKind
{
    Stored,

    /// <summary>The institution already has exactly this instance.</summary>
    Duplicate,

    /// <summary>Same pixels, other attributes: kept as a revision (current or not, by source trust).</summary>
    Revision,

    /// <summary>Kept, not served, until a technician decides.</summary>
    Held,

    /// <summary>Not meant to be stored: a DICOMDIR, a viewer program on a disc.</summary>
    Ignored,

    /// <summary>Could not be identified; its bytes are in quarantine (but for an empty file or one that changed while it was read).</summary>
    Rejected,

    /// <summary>An archive whose entries have outcomes of their own.</summary>
    Opened,
}

/// <summary>Outcome of a committed batch, in the order of arrival.</summary>
public sealed record IngestReport(IReadOnlyList<FileOutcome> Files)
{
    public int Count(OutcomeKind kind) => Files.Count(file => file.Kind == kind);
}
