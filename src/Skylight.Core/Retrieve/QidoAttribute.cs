using System.Collections.Frozen;

namespace Skylight.Core.Retrieve;

/// <summary>The level of a search: what one result stands for.</summary>
public enum QidoLevel
{
    Study,
    Series,
    Instance,
}

/// <summary>How a value of an attribute is compared (PS3.4 §C.2.2.2).</summary>
public enum QidoMatching
{
    /// <summary>Exactly, with a list meaning any of them: codes and numbers.</summary>
    Single,

    /// <summary>A UID or a list of UIDs.</summary>
    Uid,

    /// <summary>A date or a range of dates, YYYYMMDD.</summary>
    Date,

    /// <summary>A time or a range of times, HHMMSS.FFFFFF.</summary>
    Time,

    /// <summary>Text with <c>*</c> and <c>?</c>, case counting.</summary>
    Wildcard,

    /// <summary>A person name: text with <c>*</c> and <c>?</c>, case not counting, against each of its three component groups.</summary>
    Name,
}

/// <summary>An attribute that QIDO-RS can match on, with the level that it belongs to (PS3.18 tables 10.6.1-2 to 10.6.1-5).</summary>
/// <param name="Tag">Group and element, as 0xGGGGEEEE.</param>
public sealed record QidoAttribute(uint Tag, string Keyword, QidoLevel Level, QidoMatching Matching)
{
    public static QidoAttribute StudyDate { get; } = new(0x00080020, "StudyDate", QidoLevel.Study, QidoMatching.Date);
    public static QidoAttribute StudyTime { get; } = new(0x00080030, "StudyTime", QidoLevel.Study, QidoMatching.Time);
    public static QidoAttribute AccessionNumber { get; } = new(0x00080050, "AccessionNumber", QidoLevel.Study, QidoMatching.Wildcard);
    public static QidoAttribute ModalitiesInStudy { get; } = new(0x00080061, "ModalitiesInStudy", QidoLevel.Study, QidoMatching.Single);
    public static QidoAttribute ReferringPhysicianName { get; } = new(0x00080090, "ReferringPhysicianName", QidoLevel.Study, QidoMatching.Name);
    public static QidoAttribute StudyDescription { get; } = new(0x00081030, "StudyDescription", QidoLevel.Study, QidoMatching.Wildcard);
    public static QidoAttribute PatientName { get; } = new(0x00100010, "PatientName", QidoLevel.Study, QidoMatching.Name);
    public static QidoAttribute PatientId { get; } = new(0x00100020, "PatientID", QidoLevel.Study, QidoMatching.Wildcard);
    public static QidoAttribute IssuerOfPatientId { get; } = new(0x00100021, "IssuerOfPatientID", QidoLevel.Study, QidoMatching.Wildcard);
    public static QidoAttribute PatientBirthDate { get; } = new(0x00100030, "PatientBirthDate", QidoLevel.Study, QidoMatching.Date);
    public static QidoAttribute PatientSex { get; } = new(0x00100040, "PatientSex", QidoLevel.Study, QidoMatching.Single);
    public static QidoAttribute StudyInstanceUid { get; } = new(0x0020000D, "StudyInstanceUID", QidoLevel.Study, QidoMatching.Uid);
    public static QidoAttribute StudyId { get; } = new(0x00200010, "StudyID", QidoLevel.Study, QidoMatching.Wildcard);
    public static QidoAttribute Modality { get; } = new(0x00080060, "Modality", QidoLevel.Series, QidoMatching.Single);
    public static QidoAttribute SeriesDescription { get; } = new(0x0008103E, "SeriesDescription", QidoLevel.Series, QidoMatching.Wildcard);
    public static QidoAttribute SeriesInstanceUid { get; } = new(0x0020000E, "SeriesInstanceUID", QidoLevel.Series, QidoMatching.Uid);
    public static QidoAttribute SeriesNumber { get; } = new(0x00200011, "SeriesNumber", QidoLevel.Series, QidoMatching.Single);
    public static QidoAttribute BodyPartExamined { get; } = new(0x00180015, "BodyPartExamined", QidoLevel.Series, QidoMatching.Single);
    public static QidoAttribute PerformedProcedureStepStartDate { get; } = new(0x00400244, "PerformedProcedureStepStartDate", QidoLevel.Series, QidoMatching.Date);
    public static QidoAttribute PerformedProcedureStepStartTime { get; } = new(0x00400245, "PerformedProcedureStepStartTime", QidoLevel.Series, QidoMatching.Time);
    public static QidoAttribute SopClassUid { get; } = new(0x00080016, "SOPClassUID", QidoLevel.Instance, QidoMatching.Uid);
    public static QidoAttribute SopInstanceUid { get; } = new(0x00080018, "SOPInstanceUID", QidoLevel.Instance, QidoMatching.Uid);
    public static QidoAttribute InstanceNumber { get; } = new(0x00200013, "InstanceNumber", QidoLevel.Instance, QidoMatching.Single);

    private static readonly FrozenDictionary<uint, QidoAttribute> ByTag = new[]
    {
        StudyDate, StudyTime, AccessionNumber, ModalitiesInStudy, ReferringPhysicianName, StudyDescription, PatientName, PatientId, IssuerOfPatientId,
        PatientBirthDate, PatientSex, StudyInstanceUid, StudyId, Modality, SeriesDescription, SeriesInstanceUid, SeriesNumber, BodyPartExamined,
        PerformedProcedureStepStartDate, PerformedProcedureStepStartTime, SopClassUid, SopInstanceUid, InstanceNumber,
    }.ToFrozenDictionary(a => a.Tag);

    /// <summary>Every attribute that can be matched on.</summary>
    public static IEnumerable<QidoAttribute> All => ByTag.Values;

    /// <summary>The attribute of a tag, or null when it cannot be matched on.</summary>
    public static QidoAttribute? Of(uint tag) => ByTag.GetValueOrDefault(tag);
}
