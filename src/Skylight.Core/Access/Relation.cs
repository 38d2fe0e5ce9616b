using System.Collections.Immutable;

namespace Skylight.Core.Access;

/// <summary>How the actor stands to the object, from records (never from claims or request parameters).</summary>
/// <param name="CareRelations">Care relations of the actor that cover the object: its patient or the study itself.</param>
/// <param name="PersonLinks">Links of the actor, as a person, to the object's patient record.</param>
public sealed record Relation(ImmutableArray<CareRelation> CareRelations, ImmutableArray<PersonLink> PersonLinks)
{
    public static Relation None { get; } = new([], []);
}

public enum CareRelationKind
{
    /// <summary>Treats the patient (attending, on duty).</summary>
    Treating,

    /// <summary>Was asked for advice on the patient.</summary>
    Consulted,

    /// <summary>Reports the study.</summary>
    Reporting,
}

/// <summary>A recorded care relation of one staff account to one patient, or to one study only.</summary>
/// <param name="Account"><see cref="Actor.Subject"/> of the account.</param>
/// <param name="PatientKey">The patient; null when the relation covers one study only.</param>
/// <param name="StudyKey">The study; null when the relation covers all of the patient.</param>
/// <param name="Attending">The attending physician, the only one to reach level 5 (GB/T 39725 6.2).</param>
/// <param name="Until">End of the encounter with its grace; exclusive.</param>
/// <param name="Ground">What it rests on: encounter, referral or order number, as the hospital writes it.</param>
public sealed record CareRelation(
    int V,
    string Account,
    CareRelationKind Kind,
    bool Attending,
    string? PatientKey,
    string? StudyKey,
    DateTimeOffset From,
    DateTimeOffset Until,
    string Ground,
    string RecordedBy,
    DateTimeOffset RecordedAt,
    DateTimeOffset? RevokedAt)
{
    public bool IsActive(DateTimeOffset now) => RevokedAt is null && From <= now && now < Until;

    public bool Covers(string? studyKey, string? patientKey) =>
        StudyKey is not null ? StudyKey == studyKey : PatientKey is not null && PatientKey == patientKey;
}

/// <summary>A verified link of a person (an account with the role patient) to a patient record of one institution.</summary>
/// <param name="Person"><see cref="Actor.Subject"/> of the person's account, which may belong to another institution.</param>
/// <param name="Method">How identity was proven, never name and birthday alone.</param>
/// <param name="Ground">Reference of the evidence (form, document type), no document number.</param>
/// <param name="VerifiedAt">Null while the link waits for verification; such a link opens nothing.</param>
public sealed record PersonLink(
    int V,
    string Person,
    string PatientKey,
    IdentityProof Method,
    string Ground,
    string RecordedBy,
    DateTimeOffset RecordedAt,
    DateTimeOffset? VerifiedAt,
    string? VerifiedBy,
    DateTimeOffset? RevokedAt)
{
    public bool IsActive(DateTimeOffset now) => RevokedAt is null && VerifiedAt is { } verified && verified <= now;
}

public enum IdentityProof
{
    /// <summary>Identity document shown at a desk of the institution.</summary>
    DocumentInPerson,

    /// <summary>Card or social-security card read at a terminal with its PIN.</summary>
    CardWithPin,

    /// <summary>National electronic identity service.</summary>
    ElectronicIdentity,

    /// <summary>Guardian with proof of guardianship.</summary>
    Guardian,
}

/// <summary>Recorded deviation from a rule of force standard: who allowed it and until when (the record lies in the approval it names).</summary>
public sealed record Deviation(string RuleId, string ApprovedBy, string Reason, DateTimeOffset Until);

/// <summary>What was shown beyond the relation: approvals, consents, deviations, how strongly the actor signed in.</summary>
/// <param name="Met">Requirements that records fulfil (an approval, a consent, a step-up), by name.</param>
public sealed record Evidence(ImmutableArray<Requirement> Met, ImmutableArray<Deviation> Deviations)
{
    public static Evidence None { get; } = new([], []);
}
