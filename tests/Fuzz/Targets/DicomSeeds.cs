using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>Small invented files of every form.</summary>
internal static class DicomSeeds
{
    private static readonly LengthEncoding[] s_lengths = [LengthEncoding.Defined, LengthEncoding.Undefined];

    public static IReadOnlyList<byte[]> Files { get; } = Build();

    public static DicomDataset Image()
    {
        var d = new DicomDataset()
            .Set(DicomTags.SpecificCharacterSet, "GB18030")
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY")
            .Set(DicomTags.SOPClassUID, DicomUids.CTImageStorage)
            .Set(DicomTags.SOPInstanceUID, "2.25.1001")
            .Set(DicomTags.StudyDate, "20260102")
            .Set(DicomTags.Modality, "CT")
            .Set(DicomTags.PatientName, "Wang^Xiaodong=王^小东")
            .Set(DicomTags.PatientID, "P0001")
            .Set(DicomTags.SliceThickness, 1.25)
            .Set(DicomTags.StudyInstanceUID, "2.25.1")
            .Set(DicomTags.SeriesInstanceUID, "2.25.11")
            .Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
            .Set(DicomTags.SamplesPerPixel, 1)
            .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.NumberOfFrames, 2)
            .Set(DicomTags.FrameIncrementPointer, Vr.AT, 0x00181063)
            .Set(DicomTags.Rows, 4)
            .Set(DicomTags.Columns, 4)
            .Set(DicomTags.BitsAllocated, 16)
            .Set(DicomTags.BitsStored, 12)
            .Set(DicomTags.HighBit, 11)
            .Set(DicomTags.PixelRepresentation, 0)
            .Set(new DicomTag(0x0029, 0x0010), Vr.LO, "SKYLIGHT FUZZ")
            .Set(new DicomTag(0x0029, 0x1001), Vr.FD, 1.5, 2.5)
            .Set(new DicomTag(0x0029, 0x1002), new DicomDataset().Set(new DicomTag(0x0029, 0x0010), Vr.LO, "INNER").Set(new DicomTag(0x0029, 0x1001), Vr.SL, -5));
        return d
            .Set(DicomTags.ContentSequence, new DicomDataset(CharacterSet.Gb18030).Set(DicomTags.TextValue, "深").Set(DicomTags.ContentSequence, new DicomDataset().Set(DicomTags.CodeValue, "1"), []))
            .Set(DicomTags.PixelData, Vr.OW, Pattern(64));
    }

    private static byte[] Pattern(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++) bytes[i] = (byte)(i * 7);
        return bytes;
    }

    private static List<byte[]> Build()
    {
        var files = new List<byte[]>();
        foreach (var syntax in (TransferSyntax[])[TransferSyntax.ImplicitLittle, TransferSyntax.ExplicitLittle, TransferSyntax.ExplicitBig, TransferSyntax.Deflated])
            foreach (var lengths in s_lengths) files.Add(DicomWriter.ToArray(DicomFile.Of(Image(), syntax), new WriteOptions { Lengths = lengths }));
        var rle = TransferSyntax.Of("1.2.840.10008.1.2.5");
        files.Add(File(Image().Set(DicomTags.PixelData, new DicomFragments(new byte[] { 0, 0, 0, 0, 12, 0, 0, 0 }, [new byte[] { 1, 2, 3, 4 }, new byte[] { 5, 6, 7, 8 }])), rle));
        files.Add(File(Image().Set(DicomTags.PixelData, new DicomFragments(default, [new byte[] { 0xFF, 0xD8, 0xFF, 0xE0 }, new byte[] { 1, 2 }, new byte[] { 0xFF, 0xD8, 0xFF, 0xE0 }])), TransferSyntax.Of("1.2.840.10008.1.2.4.50")));
        files.Add(File(Image().Set(DicomTags.ExtendedOffsetTable, Vr.OV, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0 })
            .Set(DicomTags.PixelData, new DicomFragments(default, [new byte[] { 1, 2, 3, 4 }, new byte[] { 5, 6, 7, 8 }])), rle));
        files.Add(File(Image().Set(DicomTags.BitsAllocated, 1).Set(DicomTags.BitsStored, 1).Set(DicomTags.HighBit, 0).Set(DicomTags.Columns, 3).Set(DicomTags.PixelData, Vr.OB, new byte[] { 1, 2, 3, 4 }), TransferSyntax.ExplicitLittle));
        files.Add(File(Japanese(), TransferSyntax.ExplicitLittle));
        files.Add(File(Directory(), TransferSyntax.ExplicitLittle));
        // Without preamble and meta; a sequence written as UN; text in a set that is not declared.
        files.Add(files[1][(int)DicomFile.Read(files[1]).DatasetOffset..]);
        files.Add(files[0][(int)DicomFile.Read(files[0]).DatasetOffset..]);
        files.Add([.. File(new DicomDataset().Set(DicomTags.SOPInstanceUID, "2.25.7"), TransferSyntax.ExplicitLittle),
            0x40, 0, 0x30, 0xA7, (byte)'U', (byte)'N', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 10, 0, 0, 0, 8, 0, 0, 1, 2, 0, 0, 0, (byte)'A', (byte)'B', 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        files.Add(File(new DicomDataset().Set(DicomTags.SOPInstanceUID, "2.25.8").Set(new DicomElement(DicomTags.PatientName, Vr.PN, new byte[] { 0xCD, 0xF5, 0xD0, 0xA1 })), TransferSyntax.ExplicitLittle));
        return files;
    }

    private static DicomDataset Japanese() => new DicomDataset()
        .Set(DicomTags.SpecificCharacterSet, "", "ISO 2022 IR 87", "ISO 2022 IR 149")
        .Set(DicomTags.SOPInstanceUID, "2.25.9")
        .Set(DicomTags.PatientName, "Yamada^Tarou=山田^太郎=やまだ^たろう");

    private static DicomDataset Directory() => new DicomDataset()
        .Set(DicomTags.FileSetID, "FUZZ")
        .Set(DicomTags.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 400)
        .Set(DicomTags.DirectoryRecordSequence,
            new DicomDataset().Set(DicomTags.OffsetOfTheNextDirectoryRecord, 400).Set(DicomTags.OffsetOfReferencedLowerLevelDirectoryEntity, 500).Set(DicomTags.RecordInUseFlag, 65535).Set(DicomTags.DirectoryRecordType, "PATIENT"),
            new DicomDataset().Set(DicomTags.DirectoryRecordType, "STUDY").Set(DicomTags.ReferencedFileID, "DIR", "IM1"),
            new DicomDataset().Set(DicomTags.DirectoryRecordType, "IMAGE").Set(DicomTags.ReferencedFileID, "DIR", "IM2"));

    private static byte[] File(DicomDataset dataset, TransferSyntax syntax) => DicomWriter.ToArray(DicomFile.Of(dataset, syntax));
}
