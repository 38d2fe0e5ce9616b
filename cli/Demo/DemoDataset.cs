using System.Globalization;
using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>The study and series that an instance belongs to.</summary>
internal sealed record DemoSeries(
    DemoPerson Person, string StudyUid, string SeriesUid, string StudyDate, string StudyTime, string SeriesTime, string Accession, string StudyDescription,
    string Modality, int Number, string Description, string BodyPart, string? FrameOfReferenceUid, string Model);

/// <summary>Builds the datasets of demo instances: what all kinds have in common.</summary>
internal static class DemoDataset
{
    /// <summary>Patient, study, series, equipment and SOP common attributes of one instance.</summary>
    public static DicomDataset Create(DemoSeries series, string sopClassUid, string sopInstanceUid, int instanceNumber)
    {
        var person = series.Person;
        var dataset = new DicomDataset();
        if (person.CharacterSet is not null) dataset.Set(DicomTags.SpecificCharacterSet, person.CharacterSet);
        dataset.Set(DicomTags.InstanceCreationDate, series.StudyDate)
            .Set(DicomTags.InstanceCreationTime, series.SeriesTime)
            .Set(DicomTags.SOPClassUID, sopClassUid)
            .Set(DicomTags.SOPInstanceUID, sopInstanceUid)
            .Set(DicomTags.StudyDate, series.StudyDate)
            .Set(DicomTags.SeriesDate, series.StudyDate)
            .Set(DicomTags.ContentDate, series.StudyDate)
            .Set(DicomTags.StudyTime, series.StudyTime)
            .Set(DicomTags.SeriesTime, series.SeriesTime)
            .Set(DicomTags.ContentTime, series.SeriesTime)
            .Set(DicomTags.AccessionNumber, series.Accession)
            .Set(DicomTags.Modality, series.Modality)
            .Set(DicomTags.Manufacturer, "Skylight")
            .Set(DicomTags.InstitutionName, person.Institution)
            .Set(DicomTags.ReferringPhysicianName, person.Physician)
            .Set(DicomTags.TimezoneOffsetFromUTC, "+0800")
            .Set(DicomTags.StationName, "DEMO-" + series.Modality)
            .Set(DicomTags.StudyDescription, series.StudyDescription)
            .Set(DicomTags.SeriesDescription, series.Description)
            .Set(DicomTags.ManufacturerModelName, series.Model)
            .Set(DicomTags.PatientName, person.Name)
            .Set(DicomTags.PatientID, person.Id)
            .Set(DicomTags.PatientBirthDate, person.BirthDate)
            .Set(DicomTags.PatientSex, person.Sex)
            .Set(DicomTags.PatientAge, person.Age)
            .Set(DicomTags.PatientSize, person.Height)
            .Set(DicomTags.PatientWeight, person.Weight)
            .Set(DicomTags.BodyPartExamined, series.BodyPart)
            .Set(DicomTags.DeviceSerialNumber, "DEMO-1")
            .Set(DicomTags.SoftwareVersions, "1.0")
            .Set(DicomTags.ProtocolName, series.Description)
            .Set(DicomTags.StudyInstanceUID, series.StudyUid)
            .Set(DicomTags.SeriesInstanceUID, series.SeriesUid)
            .Set(DicomTags.StudyID, "1")
            .Set(DicomTags.SeriesNumber, series.Number)
            .Set(DicomTags.InstanceNumber, instanceNumber);
        if (series.FrameOfReferenceUid is not null)
            dataset.Set(DicomTags.FrameOfReferenceUID, series.FrameOfReferenceUid).Set(DicomTags.PositionReferenceIndicator, Array.Empty<string>());
        return dataset;
    }

    /// <summary>Image Pixel attributes of 16 bit monochrome samples, with the samples.</summary>
    public static DicomDataset SetPixels(this DicomDataset dataset, int rows, int columns, int bitsStored, ReadOnlyMemory<byte> pixels) => dataset
        .Set(DicomTags.SamplesPerPixel, 1)
        .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
        .Set(DicomTags.Rows, rows)
        .Set(DicomTags.Columns, columns)
        .Set(DicomTags.BitsAllocated, 16)
        .Set(DicomTags.BitsStored, bitsStored)
        .Set(DicomTags.HighBit, bitsStored - 1)
        .Set(DicomTags.PixelRepresentation, Vr.US, 0)
        .Set(DicomTags.PixelData, Vr.OW, pixels);

    /// <summary>Millimetres as a decimal string holds them.</summary>
    public static double Mm(double value) => Math.Round(value, 4);

    /// <summary>A moment some seconds after a time of day of the form HHMMSS.</summary>
    public static string Later(string time, double seconds)
    {
        var start = TimeOnly.ParseExact(time, "HHmmss", CultureInfo.InvariantCulture);
        return start.Add(TimeSpan.FromSeconds(seconds)).ToString("HHmmss.ffffff", CultureInfo.InvariantCulture);
    }
}
