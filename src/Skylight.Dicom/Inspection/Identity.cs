namespace Skylight.Dicom;

/// <summary>Whether an instance says which one it is.</summary>
internal static class Identity
{
    private static readonly DicomTag[] s_uids = [DicomTags.SOPClassUID, DicomTags.SOPInstanceUID, DicomTags.StudyInstanceUID, DicomTags.SeriesInstanceUID];

    /// <summary>Whether the UIDs that name the instance, its series and its study have been read.</summary>
    public static bool IsComplete(DatasetBuilder builder) =>
        builder.Has(DicomTags.SOPInstanceUID) && builder.Has(DicomTags.StudyInstanceUID) && builder.Has(DicomTags.SeriesInstanceUID);

    public static void Examine(DicomDataset meta, DicomDataset dataset, List<Finding> findings)
    {
        // A DICOMDIR identifies itself in the File Meta Information only.
        if (dataset.Contains(DicomTags.DirectoryRecordSequence)) return;
        foreach (var tag in s_uids)
        {
            if (dataset.GetString(tag) is not { } uid) findings.Add(new Finding(FindingCodes.MissingIdentity, tag.ToString(), -1, DicomDictionary.KeywordOf(tag)));
            else if (!DicomUids.IsValid(uid)) findings.Add(new Finding(FindingCodes.UidMalformed, tag.ToString(), -1, DicomDictionary.KeywordOf(tag)));
        }

        if (dataset.GetString(DicomTags.PatientID) is null) findings.Add(new Finding(FindingCodes.MissingPatientId, DicomTags.PatientID.ToString()));
        if (meta.Count == 0) return;
        foreach (var tag in (ReadOnlySpan<DicomTag>)[DicomTags.MediaStorageSOPClassUID, DicomTags.MediaStorageSOPInstanceUID, DicomTags.TransferSyntaxUID])
            if (meta.GetString(tag) is null) findings.Add(new Finding(FindingCodes.MetaIncomplete, tag.ToString(), -1, DicomDictionary.KeywordOf(tag)));
        if (Differ(meta, DicomTags.MediaStorageSOPClassUID, dataset, DicomTags.SOPClassUID)
            || Differ(meta, DicomTags.MediaStorageSOPInstanceUID, dataset, DicomTags.SOPInstanceUID))
            findings.Add(new Finding(FindingCodes.MetaMismatch, DicomTags.SOPInstanceUID.ToString()));
    }

    private static bool Differ(DicomDataset meta, DicomTag metaTag, DicomDataset dataset, DicomTag tag) =>
        meta.GetString(metaTag) is { } a && dataset.GetString(tag) is { } b && a != b;
}
