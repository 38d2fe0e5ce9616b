namespace Skylight.Core.Patients;

/// <summary>
/// A patient as one institution knows them: a document of type <c>patient</c>, whose id is the patient key. A person across institutions is another
/// record, linked by evidence. Ages are computed at the time of use.
/// </summary>
public sealed record PatientRecord
{
    public const string Type = "patient";

    public int V { get; init; } = 1;

    public required string Institution { get; init; }

    /// <summary>HMAC of (issuer, normalised id) under the institution's secret; of the study for a provisional patient.</summary>
    public required string PatientKey { get; init; }

    /// <summary>(0010,0020) with its issuer (0010,0021/0024) first, then those of Other Patient IDs Sequence (0010,1002).</summary>
    public IReadOnlyList<PatientIdentifier> Identifiers { get; init; } = [];

    /// <summary>Name, birth date and sex as first received, in DICOM form.</summary>
    public string? Name { get; init; }

    public string? BirthDate { get; init; }

    public string? Sex { get; init; }

    /// <summary>The record that this one was merged into; null for a record of its own.</summary>
    public string? MergedInto { get; init; }

    /// <summary>Made for one study without a Patient ID.</summary>
    public bool Provisional { get; init; }

    public bool Deceased { get; init; }

    /// <summary>Key of the guardian's account or person record.</summary>
    public string? Guardian { get; init; }

    public bool Vip { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>One identifier of a patient.</summary>
/// <param name="Type">Type of Patient ID (0010,0022): TEXT, RFID, BARCODE; or the identifier type code of the assigner.</param>
/// <param name="Assigner">Issuer, local (0010,0021) or universal (0010,0024); null where the file does not say.</param>
public sealed record PatientIdentifier(string Value, string? Type, string? Assigner);
