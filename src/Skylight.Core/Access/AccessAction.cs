using System.Text.Json.Serialization;

namespace Skylight.Core.Access;

/// <summary>What somebody asks to do. One value per kind of duty, not per route: several routes may share one.</summary>
public enum AccessAction
{
    /// <summary>Open an upload session.</summary>
    UploadCreate,

    /// <summary>Complete or cancel an upload session.</summary>
    UploadComplete,

    /// <summary>See the state, blobs and report of an upload session.</summary>
    UploadRead,

    /// <summary>List, accept, link, reassign or reject what ingest held or quarantined.</summary>
    IntakeHandle,

    /// <summary>Search studies, series or instances (QIDO-RS, keyword search). The admission's scope filters the answer.</summary>
    StudySearch,

    /// <summary>Read metadata, instances or rendered content of one study, in its current revision.</summary>
    StudyRead,

    /// <summary>Read single frames or thumbnails of one study. As <see cref="StudyRead"/>, but audited once a session rather than once a frame.</summary>
    FrameRead,

    /// <summary>Store instances (STOW-RS).</summary>
    StudyStore,

    /// <summary>Hide a study, a series or an instance.</summary>
    StudyDelete,

    /// <summary>List what is deleted and not yet erased, and bring it back.</summary>
    DeletionHandle,

    /// <summary>See until when a study must be kept, and why.</summary>
    RetentionRead,

    /// <summary>Put a legal or clinical hold on a study or release it; record the encounter that its retention counts from.</summary>
    HoldManage,

    /// <summary>Ask that a study be erased.</summary>
    ErasureRequest,

    /// <summary>List requests for erasure, approve or refuse them, and read certificates.</summary>
    ErasureDecide,

    /// <summary>Propose a correction of attributes.</summary>
    CorrectionPropose,

    /// <summary>Approve, refuse or undo corrections.</summary>
    CorrectionDecide,

    /// <summary>Make an earlier version of an instance the current one.</summary>
    VersionRestore,

    /// <summary>Read the bytes of an instance exactly as they were received, before any correction.</summary>
    OriginalRead,

    /// <summary>Read or verify the audit trail.</summary>
    AuditRead,

    /// <summary>Create, change, disable accounts, their roles and credentials.</summary>
    AccountManage,

    /// <summary>Change an institution's record, campuses and departments.</summary>
    InstitutionManage,

    /// <summary>Record, list or revoke care relations and person links.</summary>
    RelationManage,

    /// <summary>Rotate keys, seal studies anew, verify the archive: start, watch, pause and resume.</summary>
    MaintenanceManage,

    /// <summary>Read and change when an institution's studies move to colder storage and which are compressed, and start such work.</summary>
    TierManage,

    /// <summary>Read counts of an institution's studies, instances and bytes: no clinical content.</summary>
    StatisticsRead,

    /// <summary>Create or close institutions and manage the platform.</summary>
    SystemManage,

    /// <summary>See one's own account, institution and rights; change one's own password.</summary>
    SelfRead,
}

/// <summary>Roles of local accounts. Token claims never carry a role; it is read from the account at every request.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Role>))]
public enum Role
{
    [JsonStringEnumMemberName("system-admin")]
    SystemAdmin,

    [JsonStringEnumMemberName("institution-admin")]
    InstitutionAdmin,

    [JsonStringEnumMemberName("security-admin")]
    SecurityAdmin,

    [JsonStringEnumMemberName("audit-admin")]
    AuditAdmin,

    [JsonStringEnumMemberName("radiologist")]
    Radiologist,

    [JsonStringEnumMemberName("clinician")]
    Clinician,

    [JsonStringEnumMemberName("technician")]
    Technician,

    /// <summary>Medical records: keeps and destroys records, sets holds, approves corrections. Sees no images.</summary>
    [JsonStringEnumMemberName("medical-records")]
    MedicalRecords,

    /// <summary>A program (upload node), not a person.</summary>
    [JsonStringEnumMemberName("uploader")]
    Uploader,

    [JsonStringEnumMemberName("patient")]
    Patient,
}

/// <summary>Why something is done. Typing a purpose proves nothing: rules ask for the relation that stands behind it.</summary>
public enum Purpose
{
    /// <summary>Care of the patient the object is about (treating, reporting, and the intake of images for it).</summary>
    Treatment,

    /// <summary>The subject exercises a right of their own (GB/T 39725 7 d, e).</summary>
    Subject,

    /// <summary>Running the platform or the institution; never a ground to see clinical content.</summary>
    Administration,

    /// <summary>Checking what was done (audit).</summary>
    Oversight,

    Research,
    Teaching,
    PublicHealth,
    Marketing,
}
