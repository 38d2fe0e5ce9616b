using Skylight.Dicom;

namespace Skylight.Benchmarks.Dicom;

/// <summary>A folder of invented CT slices, 512 x 512 x 16 bit, about seventy elements, with names in GB18030.</summary>
internal static class CtFiles
{
    public static string[] Make(string folder, int count, int size)
    {
        Directory.CreateDirectory(folder);
        var pixels = new byte[size * size * 2];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 31 >> 3);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var path = Path.Combine(folder, $"CT{i:D5}.dcm");
            File.WriteAllBytes(path, DicomWriter.ToArray(DicomFile.Of(Slice(i, size, pixels), TransferSyntax.ExplicitLittle)));
            return path;
        })];
    }

    private static DicomDataset Slice(int i, int size, byte[] pixels)
    {
        var d = new DicomDataset()
            .Set(DicomTags.SpecificCharacterSet, "GB18030")
            .Set(DicomTags.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
            .Set(DicomTags.SOPClassUID, DicomUids.CTImageStorage)
            .Set(DicomTags.SOPInstanceUID, $"2.25.1000.{i}")
            .Set(DicomTags.AccessionNumber, "A2026010200001")
            .Set(DicomTags.Modality, "CT")
            .Set(DicomTags.Manufacturer, "SKYLIGHT")
            .Set(DicomTags.InstitutionName, "测试医院")
            .Set(DicomTags.ReferringPhysicianName, "Li^Ming=李^明")
            .Set(DicomTags.StationName, "CT01")
            .Set(DicomTags.StudyDescription, "胸部CT平扫")
            .Set(DicomTags.SeriesDescription, "Lung 1.25mm")
            .Set(DicomTags.ManufacturerModelName, "Invented 64")
            .Set(DicomTags.PatientName, "Wang^Xiaodong=王^小东")
            .Set(DicomTags.PatientID, "P000123456")
            .Set(DicomTags.PatientBirthDate, "19800101")
            .Set(DicomTags.PatientSex, "M")
            .Set(DicomTags.PatientAge, "046Y")
            .Set(DicomTags.BodyPartExamined, "CHEST")
            .Set(DicomTags.ScanOptions, "HELICAL MODE")
            .Set(DicomTags.SliceThickness, 1.25)
            .Set(DicomTags.KVP, 120)
            .Set(DicomTags.DataCollectionDiameter, 500)
            .Set(DicomTags.SoftwareVersions, "1.0")
            .Set(DicomTags.ProtocolName, "5.1 Chest Routine")
            .Set(DicomTags.ReconstructionDiameter, 360)
            .Set(DicomTags.GantryDetectorTilt, 0)
            .Set(DicomTags.TableHeight, 155.5)
            .Set(DicomTags.RotationDirection, "CW")
            .Set(DicomTags.ExposureTime, 500)
            .Set(DicomTags.XRayTubeCurrent, 240)
            .Set(DicomTags.Exposure, 120)
            .Set(DicomTags.GeneratorPower, 28800)
            .Set(DicomTags.FocalSpots, 1.2)
            .Set(DicomTags.ConvolutionKernel, "LUNG")
            .Set(DicomTags.PatientPosition, "FFS")
            .Set(DicomTags.StudyInstanceUID, "2.25.100200300400500")
            .Set(DicomTags.SeriesInstanceUID, "2.25.100200300400501")
            .Set(DicomTags.StudyID, "1")
            .Set(DicomTags.SeriesNumber, 3)
            .Set(DicomTags.AcquisitionNumber, 1)
            .Set(DicomTags.InstanceNumber, i + 1)
            .Set(DicomTags.ImagePositionPatient, -180, -180, -i * 1.25)
            .Set(DicomTags.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
            .Set(DicomTags.FrameOfReferenceUID, "2.25.100200300400502")
            .Set(DicomTags.PositionReferenceIndicator, "SN")
            .Set(DicomTags.SliceLocation, -i * 1.25)
            .Set(DicomTags.SamplesPerPixel, 1)
            .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.Rows, size)
            .Set(DicomTags.Columns, size)
            .Set(DicomTags.PixelSpacing, 0.703125, 0.703125)
            .Set(DicomTags.BitsAllocated, 16)
            .Set(DicomTags.BitsStored, 16)
            .Set(DicomTags.HighBit, 15)
            .Set(DicomTags.PixelRepresentation, 1)
            .Set(DicomTags.WindowCenter, -600)
            .Set(DicomTags.WindowWidth, 1500)
            .Set(DicomTags.RescaleIntercept, -1024)
            .Set(DicomTags.RescaleSlope, 1)
            .Set(DicomTags.RescaleType, "HU");
        foreach (var tag in (DicomTag[])[DicomTags.StudyDate, DicomTags.SeriesDate, DicomTags.AcquisitionDate, DicomTags.ContentDate]) d.Set(tag, "20260102");
        foreach (var tag in (DicomTag[])[DicomTags.StudyTime, DicomTags.SeriesTime, DicomTags.AcquisitionTime, DicomTags.ContentTime]) d.Set(tag, "101530.123456");
        var code = new DicomDataset(d.CharacterSet).Set(DicomTags.CodeValue, "24627-2").Set(DicomTags.CodingSchemeDesignator, "LN").Set(DicomTags.CodeMeaning, "CT Chest");
        return d.Set(DicomTags.ProcedureCodeSequence, code).Set(DicomTags.PixelData, Vr.OW, pixels);
    }
}
