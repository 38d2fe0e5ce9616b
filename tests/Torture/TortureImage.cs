using System.Security.Cryptography;
using Skylight.Dicom;

namespace Skylight.Torture;

/// <summary>Makes the instances that are sent.</summary>
internal static class TortureImage
{
    /// <summary>Mostly small, now and then one that is too large to travel in the journal. Old enough that nothing must be kept: erasures need no second person.</summary>
    public static async Task<(byte[] File, byte[] Sha256)> MakeAsync(string study, string series, string instance, string patient, int number, Random random)
    {
        var rows = random.Next(60) switch
        {
            0 => 1_500 + random.Next(4_000),
            < 4 => 300 + random.Next(700),
            _ => 1 + random.Next(60),
        };
        var pixels = new byte[rows * 256];
        random.NextBytes(pixels);

        // Every second one shrinks when it is compressed; noise does not.
        if (number % 2 == 0)
            for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i / 256) + (i % 256 / 2) + (pixels[i] & 3));
        var dataset = new DicomDataset()
            .Set(DicomTags.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
            .Set(DicomTags.SOPInstanceUID, instance)
            .Set(DicomTags.StudyDate, "19800301")
            .Set(DicomTags.Modality, "OT")
            .Set(DicomTags.PatientName, "Test^Torture")
            .Set(DicomTags.PatientID, patient)
            .Set(DicomTags.StudyInstanceUID, study)
            .Set(DicomTags.SeriesInstanceUID, series)
            .Set(DicomTags.InstanceNumber, number)
            .Set(DicomTags.SamplesPerPixel, 1)
            .Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.Rows, rows)
            .Set(DicomTags.Columns, 256)
            .Set(DicomTags.BitsAllocated, 8)
            .Set(DicomTags.BitsStored, 8)
            .Set(DicomTags.HighBit, 7)
            .Set(DicomTags.PixelRepresentation, Vr.US, 0)
            .Set(DicomTags.PixelData, Vr.OW, pixels);
        using var file = new MemoryStream();
        await DicomWriter.WriteAsync(file, DicomFile.Of(dataset, TransferSyntax.ExplicitLittle), null, CancellationToken.None);
        var bytes = file.ToArray();
        return (bytes, SHA256.HashData(bytes));
    }
}
