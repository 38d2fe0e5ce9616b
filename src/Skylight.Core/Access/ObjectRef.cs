namespace Skylight.Core.Access;

public enum ObjectKind
{
    Platform,
    Institution,
    Account,
    Relation,
    Upload,
    Intake,
    Study,
    Audit,
    Lifecycle,
    Maintenance,
}

/// <summary>What an action is about. Built with the factories; a null institution means the caller's own.</summary>
/// <param name="StudyInstanceUid">The study asked for, as the caller named it. The gate finds its keys; a study that is not there is refused like one that may not be seen.</param>
/// <param name="StudyKey">Key of the study, once known.</param>
/// <param name="PatientKey">Key of the study's patient, once known.</param>
/// <param name="Owner"><see cref="Actor.Subject"/> of the account that made the object, where that matters (uploads).</param>
/// <param name="Level">Sensitivity level of GB/T 39725 6.2; what nobody classified counts as 4.</param>
/// <param name="OrHidden">A study that is deleted and not yet erased is meant too; it is there for those who handle deletions.</param>
public sealed record ObjectRef(
    ObjectKind Kind,
    string? Institution,
    string? StudyInstanceUid = null,
    string? StudyKey = null,
    string? PatientKey = null,
    string? Owner = null,
    int Level = 4,
    bool OrHidden = false)
{
    /// <summary>The platform itself: institutions as a list, its health, its settings.</summary>
    public static ObjectRef Platform { get; } = new(ObjectKind.Platform, Actor.PlatformInstitution);

    /// <summary>An institution's own record.</summary>
    public static ObjectRef InstitutionRecord(string? institution) => new(ObjectKind.Institution, institution);

    /// <summary>The accounts of an institution.</summary>
    public static ObjectRef Accounts(string? institution) => new(ObjectKind.Account, institution);

    /// <summary>Care relations and person links of an institution.</summary>
    public static ObjectRef Relations(string? institution) => new(ObjectKind.Relation, institution);

    /// <summary>Uploads of an institution as a whole (opening one, listing them).</summary>
    public static ObjectRef Uploads(string? institution = null) => new(ObjectKind.Upload, institution);

    /// <summary>One upload session. <paramref name="owner"/> is the <see cref="Actor.Subject"/> that opened it.</summary>
    public static ObjectRef Upload(string institution, string owner) => new(ObjectKind.Upload, institution, Owner: owner);

    /// <summary>Held and quarantined items of an institution.</summary>
    public static ObjectRef Intake(string? institution = null) => new(ObjectKind.Intake, institution);

    /// <summary>The studies of an institution as a whole (search, store).</summary>
    public static ObjectRef Studies(string? institution = null) => new(ObjectKind.Study, institution);

    /// <summary>One study, by the UID in the request.</summary>
    public static ObjectRef Study(string? institution, string studyInstanceUid) => new(ObjectKind.Study, institution, studyInstanceUid);

    /// <summary>One study, by the UID in the request, in view or deleted: what decides whether it is erased must reach it until it is.</summary>
    public static ObjectRef KeptStudy(string studyInstanceUid) => new(ObjectKind.Study, null, studyInstanceUid, OrHidden: true);

    /// <summary>Deletions, erasures and corrections of an institution as a whole.</summary>
    public static ObjectRef Lifecycle(string? institution = null) => new(ObjectKind.Lifecycle, institution);

    /// <summary>Keys and integrity of an institution's archive.</summary>
    public static ObjectRef Maintenance(string? institution = null) => new(ObjectKind.Maintenance, institution);

    /// <summary>The audit trail of an institution.</summary>
    public static ObjectRef Audit(string? institution = null) => new(ObjectKind.Audit, institution);
}
