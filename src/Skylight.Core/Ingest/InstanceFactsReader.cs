using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Dicom;

namespace Skylight.Core.Ingest;

/// <summary>Takes from an inspected file what ingest keeps of it.</summary>
internal static class InstanceFactsReader
{
    private const int MaxFindings = 32;
    private const int MaxText = 256;

    /// <summary>Bulk values are named by their bytes in the file as received; whoever serves the metadata makes URLs of it.</summary>
    private static readonly JsonOptions s_json = new() { BulkDataUri = (_, element) => element.Bulk is { } bulk ? $"bulk/{bulk.Position}-{bulk.Length}" : null };

    /// <summary>A DICOMDIR (PS3.3 F): it describes a medium and is never an instance.</summary>
    public static bool IsMediaDirectory(DicomDataset header) => header.Contains(DicomTags.DirectoryRecordSequence) || header.Contains(DicomTags.FileSetID);

    /// <summary>The identity of an instance, or null when one of its UIDs is missing. UIDs are taken as they are, malformed ones too.</summary>
    public static InstanceIdentity? Identify(DicomDataset header, IntakeRelease? release)
    {
        var study = Uid(header, DicomTags.StudyInstanceUID) ?? release?.StudyInstanceUid;
        if (Uid(header, DicomTags.SOPInstanceUID) is not { } instance || Uid(header, DicomTags.SeriesInstanceUID) is not { } series || study is null) return null;
        return new InstanceIdentity(Uid(header, DicomTags.SOPClassUID) ?? "", instance, series, study, Patient(header));
    }

    public static InstanceFacts Read(InspectedInstance inspected, InstanceIdentity identity)
    {
        var dataset = inspected.Readable;
        return new InstanceFacts
        {
            Identity = identity with { Patient = Patient(dataset) },
            TransferSyntaxUid = inspected.Syntax.Uid,
            Length = inspected.Length,
            DatasetOffset = inspected.DatasetOffset,
            FileSha256 = inspected.FileSha256,
            DatasetDigest = inspected.DatasetDigest,
            PixelDigest = inspected.PixelDigest ?? [],
            PixelDigestKind = inspected.PixelDigestKind,
            EncodedPixelDigest = inspected.EncodedPixelDigest,
            FrameTable = inspected.Frames.Kind == FrameTableKind.None ? [] : inspected.Frames.ToBytes(),
            InstanceNumber = dataset.GetInt32(DicomTags.InstanceNumber),
            Rows = dataset.GetInt32(DicomTags.Rows) ?? 0,
            Columns = dataset.GetInt32(DicomTags.Columns) ?? 0,
            BitsAllocated = dataset.GetInt32(DicomTags.BitsAllocated) ?? 0,
            Frames = inspected.Frames.Count,
            Study = Study(dataset),
            Series = Series(dataset),
            Metadata = DicomJson.ToUtf8(dataset, s_json),
            Rejection = RejectionNote.Of(dataset, identity),
            Report = ReportReader.Read(dataset, identity.SopInstanceUid),
            Findings = [.. inspected.Findings.Select(finding => finding.Code).Distinct(StringComparer.Ordinal).Take(MaxFindings)],
        };
    }

    /// <summary>The facts of a stored revision again, from its index entry and its metadata: all that a study document is made of.</summary>
    public static InstanceFacts Of(IndexEntry entry, DicomDataset dataset)
    {
        var identity = new InstanceIdentity(
            entry.SopClassUid, entry.SopInstanceUid, Uid(dataset, DicomTags.SeriesInstanceUID) ?? "", Uid(dataset, DicomTags.StudyInstanceUID) ?? "", Patient(dataset));
        return new InstanceFacts
        {
            Identity = identity,
            TransferSyntaxUid = entry.TransferSyntaxUid,
            Length = entry.Length,
            DatasetOffset = entry.DatasetOffset,
            FileSha256 = entry.FileSha256,
            DatasetDigest = entry.DatasetDigest,
            PixelDigest = entry.PixelDigest,
            PixelDigestKind = entry.PixelDigestKind,
            FrameTable = entry.FrameTable,
            InstanceNumber = entry.InstanceNumber,
            Rows = entry.Rows,
            Columns = entry.Columns,
            BitsAllocated = entry.BitsAllocated,
            Frames = entry.Frames,
            Study = Study(dataset),
            Series = Series(dataset),
            Metadata = [],
            Report = ReportReader.Read(dataset, entry.SopInstanceUid),
            Rejection = RejectionNote.Of(dataset, identity),
        };
    }

    internal static PatientIdentity Patient(DicomDataset dataset) => new()
    {
        Id = Text(dataset, DicomTags.PatientID),
        Issuer = Text(dataset, DicomTags.IssuerOfPatientID)
            ?? (dataset.GetItems(DicomTags.IssuerOfPatientIDQualifiersSequence) is [var qualifiers, ..] ? Text(qualifiers, DicomTags.UniversalEntityID) : null),
        Others = [.. dataset.GetItems(DicomTags.OtherPatientIDsSequence).Take(16)
            .Where(item => Text(item, DicomTags.PatientID) is not null)
            .Select(item => new PatientIdentifier(Text(item, DicomTags.PatientID)!, Text(item, DicomTags.TypeOfPatientID), Text(item, DicomTags.IssuerOfPatientID)))],
        Name = Name(dataset, DicomTags.PatientName),
        BirthDate = Text(dataset, DicomTags.PatientBirthDate),
        Sex = Text(dataset, DicomTags.PatientSex),
    };

    internal static StudyAttributes Study(DicomDataset dataset) => new()
    {
        PatientName = Name(dataset, DicomTags.PatientName),
        PatientId = Text(dataset, DicomTags.PatientID),
        IssuerOfPatientId = Text(dataset, DicomTags.IssuerOfPatientID),
        PatientBirthDate = Text(dataset, DicomTags.PatientBirthDate),
        PatientSex = Text(dataset, DicomTags.PatientSex),
        PatientAge = Text(dataset, DicomTags.PatientAge),
        StudyDate = Text(dataset, DicomTags.StudyDate),
        StudyTime = Text(dataset, DicomTags.StudyTime),
        AccessionNumber = Text(dataset, DicomTags.AccessionNumber),
        IssuerOfAccession = dataset.GetItems(DicomTags.IssuerOfAccessionNumberSequence) is [var issuer, ..]
            ? Text(issuer, DicomTags.LocalNamespaceEntityID) ?? Text(issuer, DicomTags.UniversalEntityID) : null,
        StudyId = Text(dataset, DicomTags.StudyID),
        StudyDescription = Text(dataset, DicomTags.StudyDescription),
        ReferringPhysicianName = Name(dataset, DicomTags.ReferringPhysicianName),
        InstitutionName = Text(dataset, DicomTags.InstitutionName),
        Department = Text(dataset, DicomTags.InstitutionalDepartmentName) ?? Text(dataset, DicomTags.RequestingService),
        TimezoneOffset = Text(dataset, DicomTags.TimezoneOffsetFromUTC),
    };

    internal static SeriesAttributes Series(DicomDataset dataset)
    {
        var request = dataset.GetItems(DicomTags.RequestAttributesSequence) is [var first, ..] ? first : null;
        return new SeriesAttributes
        {
            Modality = Text(dataset, DicomTags.Modality),
            SeriesNumber = Text(dataset, DicomTags.SeriesNumber),
            SeriesDescription = Text(dataset, DicomTags.SeriesDescription),
            SeriesDate = Text(dataset, DicomTags.SeriesDate),
            SeriesTime = Text(dataset, DicomTags.SeriesTime),
            BodyPart = Text(dataset, DicomTags.BodyPartExamined),
            Laterality = Text(dataset, DicomTags.Laterality),
            ProtocolName = Text(dataset, DicomTags.ProtocolName),
            Manufacturer = Text(dataset, DicomTags.Manufacturer),
            StationName = Text(dataset, DicomTags.StationName),
            PerformedProcedureStepStartDate = Text(dataset, DicomTags.PerformedProcedureStepStartDate),
            PerformedProcedureStepStartTime = Text(dataset, DicomTags.PerformedProcedureStepStartTime),
            ScheduledProcedureStepId = request is null ? null : Text(request, DicomTags.ScheduledProcedureStepID),
            RequestedProcedureId = request is null ? null : Text(request, DicomTags.RequestedProcedureID),
        };
    }

    /// <summary>First value, trimmed and bounded; null where empty. Attributes of a hostile file must not fill the study document.</summary>
    private static string? Text(DicomDataset dataset, DicomTag tag)
    {
        var text = dataset.GetString(tag)?.Trim(' ', '\0');
        return string.IsNullOrEmpty(text) ? null : text.Length <= MaxText ? text : text[..MaxText];
    }

    /// <summary>A name of nothing but delimiters says nothing.</summary>
    private static string? Name(DicomDataset dataset, DicomTag tag) =>
        dataset.GetPersonName(tag)?.ToString() is { } text && text.AsSpan().ContainsAnyExcept("^= ") ? text.Length <= MaxText ? text : text[..MaxText] : null;

    private static string? Uid(DicomDataset dataset, DicomTag tag) => Text(dataset, tag);
}
