using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>What a correction is laid over.</summary>
public enum CorrectionScope
{
    /// <summary>Patient and study attributes of every instance of the study.</summary>
    Study,

    /// <summary>Series attributes of every instance of a series.</summary>
    Series,

    /// <summary>One instance.</summary>
    Instance,
}

/// <summary>Reason for the Attribute Modification (0400,0565).</summary>
public enum CorrectionReason
{
    /// <summary>The value was wrong.</summary>
    Correct,

    /// <summary>Changed to agree with another system.</summary>
    Coerce,
}

/// <summary>One correction in force: values that take the place of stored ones in everything that readers see.</summary>
/// <param name="Values">New values by tag (<c>00100010</c>), with <c>\</c> between several; empty for an empty value.</param>
/// <param name="Source">Source of Previous Values (0400,0564), or null.</param>
public sealed record Correction(
    string Id, CorrectionScope Scope, string? SeriesInstanceUid, string? SopInstanceUid, CorrectionReason Reason, string? Source, DateTimeOffset At, IReadOnlyDictionary<string, string> Values)
{
    public bool AppliesTo(string seriesInstanceUid, string sopInstanceUid) => Scope switch
    {
        CorrectionScope.Study => true,
        CorrectionScope.Series => SeriesInstanceUid == seriesInstanceUid,
        _ => SopInstanceUid == sopInstanceUid,
    };
}

/// <summary>
/// A correction from its proposal to its end: a document of type <c>correction</c>. It holds the proposed values until it is decided; what is in force lies sealed
/// beside the study's objects.
/// </summary>
public sealed record CorrectionRecord
{
    public const string Type = "correction";

    public int V { get; init; } = 1;

    public required string Institution { get; init; }

    public required string StudyKey { get; init; }

    public required string PatientKey { get; init; }

    public required CorrectionStatus Status { get; init; }

    public required Correction Correction { get; init; }

    public required string RequestedBy { get; init; }

    public DateTimeOffset RequestedAt { get; init; }

    public string? DecidedBy { get; init; }

    public DateTimeOffset? DecidedAt { get; init; }
}

public enum CorrectionStatus
{
    Proposed,
    Refused,

    /// <summary>In force.</summary>
    Applied,
    Undone,

    /// <summary>Approved, and on its way into force; only a host that was killed leaves one behind. A timer ends it, or approving it again.</summary>
    Approved,
}

/// <summary>Which attributes may be corrected, by scope. No UIDs, nothing that describes pixels, no sequences: what is not here stays as it was received.</summary>
public static class CorrectableAttributes
{
    private static readonly Dictionary<DicomTag, CorrectionScope> s_tags = new()
    {
        [DicomTags.PatientName] = CorrectionScope.Study,
        [DicomTags.PatientID] = CorrectionScope.Study,
        [DicomTags.IssuerOfPatientID] = CorrectionScope.Study,
        [DicomTags.PatientBirthDate] = CorrectionScope.Study,
        [DicomTags.PatientSex] = CorrectionScope.Study,
        [DicomTags.PatientAge] = CorrectionScope.Study,
        [DicomTags.PatientSize] = CorrectionScope.Study,
        [DicomTags.PatientWeight] = CorrectionScope.Study,
        [DicomTags.StudyDate] = CorrectionScope.Study,
        [DicomTags.StudyTime] = CorrectionScope.Study,
        [DicomTags.AccessionNumber] = CorrectionScope.Study,
        [DicomTags.StudyID] = CorrectionScope.Study,
        [DicomTags.StudyDescription] = CorrectionScope.Study,
        [DicomTags.ReferringPhysicianName] = CorrectionScope.Study,
        [DicomTags.InstitutionName] = CorrectionScope.Study,
        [DicomTags.SeriesDescription] = CorrectionScope.Series,
        [DicomTags.SeriesNumber] = CorrectionScope.Series,
        [DicomTags.SeriesDate] = CorrectionScope.Series,
        [DicomTags.SeriesTime] = CorrectionScope.Series,
        [DicomTags.BodyPartExamined] = CorrectionScope.Series,
        [DicomTags.Laterality] = CorrectionScope.Series,
        [DicomTags.ProtocolName] = CorrectionScope.Series,
        [DicomTags.PerformingPhysicianName] = CorrectionScope.Series,
        [DicomTags.OperatorsName] = CorrectionScope.Series,
        [DicomTags.StationName] = CorrectionScope.Series,
        [DicomTags.ImageLaterality] = CorrectionScope.Instance,
        [DicomTags.ImageComments] = CorrectionScope.Instance,
        [DicomTags.AcquisitionDate] = CorrectionScope.Instance,
        [DicomTags.AcquisitionTime] = CorrectionScope.Instance,
        [DicomTags.ContentDate] = CorrectionScope.Instance,
        [DicomTags.ContentTime] = CorrectionScope.Instance,
    };

    /// <summary>The tag of a keyword (<c>PatientName</c>) or of eight hexadecimal digits, if it may be corrected in this scope.</summary>
    public static DicomTag? Find(string name, CorrectionScope scope) =>
        (DicomDictionary.TryFindKeyword(name, out var tag) || DicomTag.TryParse(name, out tag)) && s_tags.TryGetValue(tag, out var own) && own == scope ? tag : null;
}
