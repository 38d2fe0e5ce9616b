namespace Skylight.Core.Catalog;

/// <summary>
/// Patient and study attributes of the study level as stored (PS3.18 10.6, table 10.6.1-3). Dates and times verbatim in DICOM form; names with all
/// component groups (<c>Alphabetic=Ideographic=Phonetic</c>); null where absent or empty. Values are already decoded to Unicode.
/// </summary>
public sealed record StudyAttributes
{
    public string? PatientName { get; init; }

    public string? PatientId { get; init; }

    public string? IssuerOfPatientId { get; init; }

    public string? PatientBirthDate { get; init; }

    public string? PatientSex { get; init; }

    public string? PatientAge { get; init; }

    public string? StudyDate { get; init; }

    public string? StudyTime { get; init; }

    public string? AccessionNumber { get; init; }

    /// <summary>Local or universal entity id of Issuer of Accession Number Sequence (0008,0051).</summary>
    public string? IssuerOfAccession { get; init; }

    public string? StudyId { get; init; }

    public string? StudyDescription { get; init; }

    public string? ReferringPhysicianName { get; init; }

    /// <summary>Free text of (0008,0080).</summary>
    public string? InstitutionName { get; init; }

    /// <summary>Institutional Department Name (0008,1040), or where that is absent Requesting Service (0032,1033): for statistics.</summary>
    public string? Department { get; init; }

    /// <summary>(0008,0201); the institution's zone where absent.</summary>
    public string? TimezoneOffset { get; init; }

    /// <summary>SOP classes in the study (0008,0062), ordinal order, at most 32.</summary>
    public IReadOnlyList<string> SopClasses { get; init; } = [];

    /// <summary>Modalities in the study (0008,0061), ordinal order.</summary>
    public IReadOnlyList<string> Modalities { get; init; } = [];
}

/// <summary>Attributes of the series level (PS3.18 table 10.6.1-4).</summary>
public sealed record SeriesAttributes
{
    public string? Modality { get; init; }

    public string? SeriesNumber { get; init; }

    public string? SeriesDescription { get; init; }

    public string? SeriesDate { get; init; }

    public string? SeriesTime { get; init; }

    public string? BodyPart { get; init; }

    public string? Laterality { get; init; }

    public string? ProtocolName { get; init; }

    public string? Manufacturer { get; init; }

    public string? StationName { get; init; }

    public string? PerformedProcedureStepStartDate { get; init; }

    public string? PerformedProcedureStepStartTime { get; init; }

    public string? ScheduledProcedureStepId { get; init; }

    public string? RequestedProcedureId { get; init; }
}
