using Skylight.Core.Ingest;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// A Key Object Selection whose title rejects what it refers to (IHE RAD TF, Imaging Object Change Management; PS3.16 CID 7011).
/// </summary>
/// <param name="Studies">Studies of its evidence, each with the SOP Instance UIDs that are rejected.</param>
internal sealed record RejectionNote(string SopInstanceUid, string StudyInstanceUid, DeletionReason Reason, IReadOnlyDictionary<string, IReadOnlySet<string>> Studies)
{
    public const string KeyObjectSelection = "1.2.840.10008.5.1.4.1.1.88.59";
    private const int MaxReferences = 100_000;

    /// <summary>
    /// Whether what it names is refused when it comes later. Not what was only too old: who has it still may send it again.
    /// </summary>
    public bool Refuses => Reason != DeletionReason.RetentionExpired;

    /// <summary>Every SOP Instance UID that it rejects, in whatever study.</summary>
    public IEnumerable<string> Named => Studies.Values.SelectMany(uids => uids).Distinct(StringComparer.Ordinal);

    /// <summary>Null for any other object.</summary>
    public static RejectionNote? Of(DicomDataset dataset, InstanceIdentity identity)
    {
        if (identity.SopClassUid != KeyObjectSelection || dataset.GetItems(DicomTags.ConceptNameCodeSequence) is not [var title, ..]) return null;
        if (title.GetString(DicomTags.CodingSchemeDesignator)?.Trim() != "DCM" || ReasonOf(title.GetString(DicomTags.CodeValue)?.Trim()) is not { } reason) return null;
        var studies = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        var left = MaxReferences;
        foreach (var study in dataset.GetItems(DicomTags.CurrentRequestedProcedureEvidenceSequence))
        {
            if (Uid(study, DicomTags.StudyInstanceUID) is not { } uid) continue;
            if (!studies.TryGetValue(uid, out var references)) studies[uid] = references = new HashSet<string>(StringComparer.Ordinal);
            foreach (var reference in study.GetItems(DicomTags.ReferencedSeriesSequence).SelectMany(series => series.GetItems(DicomTags.ReferencedSOPSequence)))
                if (left-- > 0 && Uid(reference, DicomTags.ReferencedSOPInstanceUID) is { } sop) references.Add(sop);
        }

        return new RejectionNote(identity.SopInstanceUid, identity.StudyInstanceUid, reason, studies.ToDictionary(item => item.Key, item => (IReadOnlySet<string>)item.Value, StringComparer.Ordinal));
    }

    private static DeletionReason? ReasonOf(string? code) => code switch
    {
        "113001" => DeletionReason.Quality,
        "113037" => DeletionReason.PatientSafety,
        "113038" => DeletionReason.IncorrectWorklistEntry,
        "113039" => DeletionReason.RetentionExpired,
        _ => null,
    };

    private static string? Uid(DicomDataset dataset, DicomTag tag) => dataset.GetString(tag)?.Trim('\0', ' ') is { Length: > 0 } uid ? uid : null;
}
