namespace Skylight.Dicom.Tests;

/// <summary>Invented files for tests that do not need the corpus.</summary>
internal static class Samples
{
    public static byte[] File(DicomDataset dataset, TransferSyntax? syntax = null) => DicomWriter.ToArray(DicomFile.Of(dataset, syntax ?? TransferSyntax.ExplicitLittle));

    /// <summary>A CT slice of 32 x 32 with about seventy elements, a private block and nested sequences.</summary>
    public static DicomDataset Ct(int size = 32)
    {
        var d = new DicomDataset()
            .Set(DicomTags.SpecificCharacterSet, "GB18030")
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
            .Set(DicomTags.SOPClassUID, DicomUids.CTImageStorage)
            .Set(DicomTags.SOPInstanceUID, "2.25.1001")
            .Set(DicomTags.StudyDate, "20260102")
            .Set(DicomTags.StudyTime, "101500")
            .Set(DicomTags.AccessionNumber, "A1")
            .Set(DicomTags.Modality, "CT")
            .Set(DicomTags.Manufacturer, "Skylight")
            .Set(DicomTags.InstitutionName, "测试医院")
            .Set(DicomTags.StudyDescription, "胸部平扫")
            .Set(DicomTags.PatientName, "Wang^Xiaodong=王^小东")
            .Set(DicomTags.PatientID, "P0001")
            .Set(DicomTags.PatientBirthDate, "19800101")
            .Set(DicomTags.PatientSex, "M")
            .Set(DicomTags.SliceThickness, 1.25)
            .Set(DicomTags.KVP, 120)
            .Set(DicomTags.StudyInstanceUID, "2.25.1")
            .Set(DicomTags.SeriesInstanceUID, "2.25.11")
            .Set(DicomTags.SeriesNumber, 1)
            .Set(DicomTags.InstanceNumber, 1)
            .Set(DicomTags.ImagePositionPatient, -125, -125.5, 10)
            .Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
            .Set(DicomTags.FrameOfReferenceUID, "2.25.12")
            .Set(DicomTags.SamplesPerPixel, 1)
            .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.Rows, size)
            .Set(DicomTags.Columns, size)
            .Set(DicomTags.PixelSpacing, 0.5, 0.5)
            .Set(DicomTags.BitsAllocated, 16)
            .Set(DicomTags.BitsStored, 16)
            .Set(DicomTags.HighBit, 15)
            .Set(DicomTags.PixelRepresentation, 1)
            .Set(DicomTags.RescaleIntercept, -1024)
            .Set(DicomTags.RescaleSlope, 1)
            .Set(DicomTags.ProcedureCodeSequence, new DicomDataset(CharacterSet.Gb18030).Set(DicomTags.CodeValue, "CT1").Set(DicomTags.CodeMeaning, "平扫"))
            .Set(new DicomTag(0x0029, 0x0010), Vr.LO, "SKYLIGHT TEST")
            .Set(new DicomTag(0x0029, 0x1001), Vr.FD, 1.5, 2.5);
        for (ushort i = 0; i < 30; i++) d.Set(new DicomTag(0x0019, (ushort)(0x1000 + i)), Vr.DS, i * 1.5);
        d.Set(new DicomTag(0x0019, 0x0010), Vr.LO, "SKYLIGHT ACQ");
        var pixels = new byte[size * size * 2];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 7);
        return d.Set(DicomTags.PixelData, Vr.OW, pixels);
    }

    /// <summary>An encapsulated image with fragments of the given sizes.</summary>
    public static DicomDataset Encapsulated(int frames, byte[] offsetTable, params byte[][] fragments)
    {
        var d = Ct();
        d.Set(DicomTags.NumberOfFrames, frames);
        return d.Set(DicomTags.PixelData, new DicomFragments(offsetTable, [.. fragments.Select(f => (ReadOnlyMemory<byte>)f)]));
    }

    /// <summary>One valid file of every form, for fuzzing.</summary>
    public static IReadOnlyList<byte[]> Seeds()
    {
        var nested = Ct(4).Set(DicomTags.ContentSequence, new DicomDataset().Set(DicomTags.ContentSequence, new DicomDataset(CharacterSet.Gb18030).Set(DicomTags.TextValue, "深")));
        var undefined = new WriteOptions { Lengths = LengthEncoding.Undefined };
        var directory = new DicomDataset().Set(DicomTags.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 400)
            .Set(DicomTags.DirectoryRecordSequence, new DicomDataset().Set(DicomTags.DirectoryRecordType, "PATIENT").Set(DicomTags.OffsetOfTheNextDirectoryRecord, 400));
        return
        [
            File(nested), File(nested, TransferSyntax.ImplicitLittle), File(nested, TransferSyntax.ExplicitBig), File(nested, TransferSyntax.Deflated),
            DicomWriter.ToArray(DicomFile.Of(nested, TransferSyntax.ExplicitLittle), undefined),
            DicomWriter.ToArray(DicomFile.Of(nested, TransferSyntax.ImplicitLittle), undefined),
            File(Encapsulated(2, [0, 0, 0, 0, 12, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8]), TransferSyntax.Of("1.2.840.10008.1.2.5")),
            File(directory),
        ];
    }
}
