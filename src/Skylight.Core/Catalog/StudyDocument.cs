using Skylight.Core.Events;

namespace Skylight.Core.Catalog;

/// <summary>
/// One study of one institution as the catalog keeps it: what searches show, who it belongs to, and the names of its live objects.
/// It is the unit of commit: everything that an ingest changes about a study changes in one conditional write of this document
/// (its instance-index rows travel in the same <see cref="StudyChange"/>). At most 256 KB of JSON; longer part lists move to <see cref="Manifest"/>.
/// </summary>
public sealed record StudyDocument
{
    /// <summary>Largest serialised size, in bytes.</summary>
    public const int MaxBytes = 256 * 1024;

    public int V { get; init; } = 1;

    /// <summary>Institution code: the partition.</summary>
    public required string Institution { get; init; }

    /// <summary>Id of the document and of the study's object folder: HMAC of the Study Instance UID under the institution's secret.</summary>
    public required string StudyKey { get; init; }

    public required string StudyInstanceUid { get; init; }

    /// <summary>Study and patient attributes of the current revision, as QIDO shows them.</summary>
    public required StudyAttributes Attributes { get; init; }

    /// <summary>Trust of the source that <see cref="Attributes"/> come from; a better source replaces them, an equal one fills gaps.</summary>
    public SourceTrust AttributesTrust { get; init; }

    /// <summary>Key of the patient record as first matched; compare through <c>PatientDirectory.ResolveAsync</c>, which follows merge links.</summary>
    public required string PatientKey { get; init; }

    /// <summary>True while the study has no Patient ID: the patient record was made for this study alone.</summary>
    public bool PatientProvisional { get; init; }

    public StudyParties Parties { get; init; } = new();

    public OrderReference? Order { get; init; }

    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Data level 1–5 of GB/T 39725-2020; new studies are level 4.</summary>
    public int Level { get; init; } = 4;

    /// <summary>Sensitivity tags.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    public StorageTier Tier { get; init; } = StorageTier.Hot;

    /// <summary>Packs of instances received up to this time are in <see cref="Tier"/>; null while nothing was moved.</summary>
    public DateTimeOffset? TierAt { get; init; }

    /// <summary>What compression has looked at last; null while it has not.</summary>
    public StudyCompressionMark? Compression { get; init; }

    /// <summary>Set while an archived study is on its way back.</summary>
    public StudyRehydration? Rehydration { get; init; }

    public Identifiability Identifiability { get; init; } = Identifiability.Identified;

    /// <summary>Grows by one with every write; its decimal form is the ETag.</summary>
    public long Revision { get; init; }

    /// <summary>The revision at which what DICOMweb answers about the study last changed; 0 in documents of before it was kept.</summary>
    public long ContentRevision { get; init; }

    public IReadOnlyList<StudySource> Sources { get; init; } = [];

    public StudyState State { get; init; } = StudyState.Receiving;

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the newest instance arrived, UTC.</summary>
    public DateTimeOffset ReceivedAt { get; init; }

    /// <summary>A legal or clinical hold: nothing may be deleted. True while any of <see cref="Holds"/> is in force.</summary>
    public bool Hold { get; init; }

    /// <summary>Holds in force, and those released last (at most 20 in all), oldest first.</summary>
    public IReadOnlyList<StudyHold> Holds { get; init; } = [];

    /// <summary>
    /// Since when nobody knows what holds the study had: its document was made again from the archive alone, which does not say. Nothing of it is erased that no second person has approved since.
    /// Null in every other case.
    /// </summary>
    public DateTimeOffset? HoldsUnknownSince { get; init; }

    /// <summary>Deleted by a user: answers as missing, kept until retention ends.</summary>
    public bool Hidden { get; init; }

    /// <summary>Id of the deletion that hid the whole study; null while it is not hidden.</summary>
    public string? Deletion { get; init; }

    /// <summary>
    /// Id of the erasure that is destroying the study: its key may be gone. Nothing more is stored in it, nothing brings it back, and it takes no hold. Null while an erasure can
    /// still be stopped.
    /// </summary>
    public string? Erasing { get; init; }

    /// <summary>Object name of the sealed list of corrections that readers lay over the stored attributes; null where there are none.</summary>
    public string? Corrections { get; init; }

    /// <summary>Object name of the sealed thumbnails that the study keeps while its pixels are archived; null where it has none.</summary>
    public string? Preview { get; init; }

    /// <summary>What corrections of the whole study changed in <see cref="Attributes"/>; null where there are none.</summary>
    public StudyCorrected? Corrected { get; init; }

    /// <summary>Set on a provisional study, which waits for a technician and is never found by UID or search: the key of the study whose UID it shares.</summary>
    public string? ProvisionalOf { get; init; }

    /// <summary>Held instances inside this document's parts; not served, not counted.</summary>
    public int Held { get; init; }

    public IReadOnlyList<SeriesRecord> Series { get; init; } = [];

    /// <summary>What searches find in the study's structured reports; one entry for each current report, at most <see cref="ReportContent.MaxReports"/>.</summary>
    public IReadOnlyList<ReportContent> Reports { get; init; } = [];

    /// <summary>Object name of the sealed manifest that carries the part lists of the series whose <see cref="SeriesRecord.PartsInManifest"/> is not 0.</summary>
    public string? Manifest { get; init; }

    /// <summary>Events not yet published. Empty in the steady state.</summary>
    public IReadOnlyList<StudyEvent> Outbox { get; init; } = [];

    /// <summary>Names of the objects that it names beside the parts of its series: manifest, corrections, preview.</summary>
    public IEnumerable<string> SideObjects() => ((string?[])[Manifest, Corrections, Preview]).OfType<string>();

    /// <summary>The ETag that a reader of this document has seen.</summary>
    public string ETag() => Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The version that readers of instances, metadata and pictures are told: it stays while only the keeping of the study changes.</summary>
    public long ReadersRevision() => ContentRevision > 0 ? ContentRevision : Revision;

    /// <summary>Whether searches and retrievals may see it at all (before any access decision).</summary>
    public bool IsVisible() => !Hidden && ProvisionalOf is null && Instances() > 0;

    /// <summary>Current instances in all series.</summary>
    public int Instances()
    {
        var sum = 0;
        foreach (var series in Series) sum += series.Instances;
        return sum;
    }
}

/// <summary>Study attributes under correction: as received (which later instances go on to fill), and the values laid over them, by tag (<c>00100010</c>).</summary>
/// <param name="PatientKey">Patient that the study was received under.</param>
public sealed record StudyCorrected(StudyAttributes Received, string PatientKey, IReadOnlyDictionary<string, string> Values);

/// <summary>Series attributes under correction.</summary>
public sealed record SeriesCorrected(SeriesAttributes Received, IReadOnlyDictionary<string, string> Values);

/// <summary>A hold on a study: while it is in force nothing of the study is deleted or erased.</summary>
/// <param name="Reference">Number of the case or order it rests on, as the hospital writes it; no names.</param>
/// <param name="By">Account that set it.</param>
public sealed record StudyHold(string Id, HoldKind Kind, string Reference, string By, DateTimeOffset At)
{
    public string? ReleasedBy { get; init; }

    public DateTimeOffset? ReleasedAt { get; init; }
}

public enum HoldKind
{
    /// <summary>Records sealed in a dispute between patient and institution.</summary>
    Dispute,

    /// <summary>A court or an authority asks for it.</summary>
    Legal,

    /// <summary>Needed for care or for quality assurance.</summary>
    Clinical,

    /// <summary>A study of medicine that has been promised the data.</summary>
    Research,
}

/// <summary>One series inside its study document.</summary>
public sealed record SeriesRecord
{
    public required string SeriesKey { get; init; }

    public required string SeriesInstanceUid { get; init; }

    public required SeriesAttributes Attributes { get; init; }

    public SourceTrust AttributesTrust { get; init; }

    /// <summary>What corrections of the series changed in <see cref="Attributes"/>; null where there are none.</summary>
    public SeriesCorrected? Corrected { get; init; }

    /// <summary>Distinct SOP Instance UIDs with a current revision.</summary>
    public int Instances { get; init; }

    /// <summary>Frames of the current instances; an instance without pixel data counts 0.</summary>
    public long Frames { get; init; }

    /// <summary>Bytes of all stored revisions as received.</summary>
    public long Bytes { get; init; }

    /// <summary>Parts in order of commit: readers merge their delta indexes in this order. Those in the manifest come first.</summary>
    public IReadOnlyList<SeriesPart> Parts { get; init; } = [];

    /// <summary>Number of older parts that moved to the study's manifest.</summary>
    public int PartsInManifest { get; init; }
}

/// <summary>
/// What one commit added to a series: a pack, its delta index and its metadata, each a sealed object.
/// Names are the last path segment; <see cref="ObjectName"/> gives the whole.
/// </summary>
/// <param name="Pack">Pack of instance bytes.</param>
/// <param name="Index">Delta index: one entry for each revision in the pack.</param>
/// <param name="Metadata">DICOM JSON of each entry.</param>
/// <param name="Count">Entries, held ones included.</param>
public sealed record SeriesPart(string Pack, string Index, string Metadata, int Count)
{
    /// <summary>Folder that the three objects lie in when it is not the document's own study key (instances accepted from elsewhere keep their key).</summary>
    public string? Folder { get; init; }

    /// <summary>Full object name of one of the three.</summary>
    public string ObjectName(StudyDocument study, string name) => $"{study.Institution}/{Folder ?? study.StudyKey}/{name}";
}

/// <summary>A source that sent instances of a study: its AE title or node name, how far it is trusted, and how far it has got.</summary>
/// <param name="QuietAt">From this time on the source counts as quiet unless it sends again, UTC.</param>
public sealed record StudySource(string Name, SourceTrust Trust, int Instances, DateTimeOffset LastAt, DateTimeOffset QuietAt);

/// <summary>Institutions by code in their roles, apart from the free text of Institution Name (0008,0080).</summary>
public sealed record StudyParties
{
    public string? Custodian { get; init; }

    public string? Performing { get; init; }

    public string? Requesting { get; init; }

    public string? Referring { get; init; }

    public string? Reading { get; init; }
}

/// <summary>The order or encounter that a study belongs to.</summary>
public sealed record OrderReference(string AccessionNumber, string? Issuer, EncounterKind Kind, DateOnly? LastVisit);

public enum EncounterKind
{
    Unknown,
    Outpatient,
    Inpatient,
    Emergency,
    CheckUp,
}

/// <summary>Life of a study on arrival. See <c>StudyStates</c> for the legal transitions.</summary>
public enum StudyState
{
    Receiving,
    Quiet,
    Complete,
}

/// <summary>An archived study was asked for.</summary>
/// <param name="ReadyAt">Estimate of when it can be read, UTC.</param>
public sealed record StudyRehydration(DateTimeOffset RequestedAt, DateTimeOffset ReadyAt);

/// <summary>Compression has looked at every instance of a study that it could: there is nothing left to try under the same policy.</summary>
/// <param name="Policy">Stands for what the policy meant for the study's tier.</param>
/// <param name="At">When the newest instance that was looked at arrived, UTC.</param>
public sealed record StudyCompressionMark(string Policy, DateTimeOffset At);

public enum StorageTier
{
    Hot,
    Warm,
    Cold,
    Archive,
}

public enum Identifiability
{
    Identified,
    Pseudonymous,
    Anonymous,
}

/// <summary>How far a source is trusted about attributes: the modality that made the images before the PACS that rewrote them before anything else.</summary>
public enum SourceTrust
{
    Other,
    Pacs,
    Modality,
}
