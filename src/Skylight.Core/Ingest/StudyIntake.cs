using Skylight.Core.Catalog;
using Skylight.Core.Patients;

namespace Skylight.Core.Ingest;

/// <summary>
/// What a batch has for one study. <see cref="Folder"/> is where its bytes are sealed; <see cref="DocumentKey"/> is the document that will name them.
/// The two differ only when the patient of the study turned out to be another while the batch was open.
/// </summary>
internal sealed class StudyIntake
{
    public required string StudyInstanceUid { get; init; }

    /// <summary>Key of the study with that UID.</summary>
    public required string StudyKey { get; init; }

    /// <summary>Key of the provisional study for this patient; used when <see cref="IsProvisional"/>.</summary>
    public required string ProvisionalKey { get; init; }

    public required string PatientKey { get; init; }

    public required PatientIdentity Patient { get; init; }

    public required string Folder { get; init; }

    public bool IsProvisional { get; set; }

    public string DocumentKey => IsProvisional ? ProvisionalKey : StudyKey;

    public List<SeriesPack> Packs { get; } = [];

    public List<PendingInstance> Pending { get; } = [];
}

/// <summary>An instance with the decision about it.</summary>
internal sealed record DecidedInstance(PendingInstance Pending, Studies.InstanceDecision Decision, string SeriesKey, string? ItemId)
{
    /// <summary>Its bytes are kept: it needs an index entry.</summary>
    public bool IsKept => Decision is { Existing: null, Kind: OutcomeKind.Stored or OutcomeKind.Revision or OutcomeKind.Held };

    public InstanceIndexRow Row(string documentKey, long origin) => new()
    {
        SopInstanceUid = Pending.Facts.Identity.SopInstanceUid,
        SopClassUid = Pending.Facts.Identity.SopClassUid,
        StudyKey = documentKey,
        SeriesKey = SeriesKey,
        DatasetDigest = Pending.Facts.DatasetDigest,
        PixelDigest = Pending.Facts.PixelDigest,
        PixelDigestKind = Pending.Facts.PixelDigestKind,
        FileSha256 = Pending.Facts.FileSha256,
        Revision = Decision.Revision,
        Trust = Pending.Trust,
        State = Decision.Kind == OutcomeKind.Held ? InstanceState.Held : Decision.Current ? InstanceState.Current : InstanceState.Superseded,
        Origin = origin,
        ItemId = ItemId,
    };
}
