using System.Buffers.Binary;
using System.Diagnostics;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Benchmarks.Dicom;

/// <summary>Invented pictures with the grain of real ones, and the same in compressed syntaxes.</summary>
internal static class PixelFiles
{
    /// <summary>A CT slice: a body of soft tissue with bones in it, 12 bits used of 16, noise of a few units.</summary>
    public static string Ct(string folder) => Write(folder, "ct.dcm", 512, 512, 12, 1024, (x, y) =>
    {
        var (dx, dy) = ((x - 256) / 210.0, (y - 256) / 160.0);
        if ((dx * dx) + (dy * dy) > 1) return 24;
        var bone = ((x - 256) * (x - 256)) + ((y - 340) * (y - 340)) < 900 || Math.Abs(Math.Sqrt((dx * dx) + (dy * dy)) - 0.9) < 0.03;
        return bone ? 1900 : 1060 + (int)(30 * Math.Sin(x / 19.0) * Math.Cos(y / 23.0));
    });

    /// <summary>A chest radiograph of ten million pixels, 14 bits used of 16.</summary>
    public static string Cr(string folder) => Write(folder, "cr.dcm", 3520, 2840, 14, 8192, (x, y) =>
        (int)(6000 + (5000 * Math.Sin(x / 700.0) * Math.Cos(y / 900.0)) + (900 * Math.Sin(y / 45.0))));

    /// <summary>An 8-bit colour frame, 640 x 480, as ultrasound has it.</summary>
    public static string Colour(string folder)
    {
        var path = Path.Combine(folder, "us.dcm");
        var pixels = new byte[640 * 480 * 3];
        var noise = new Random(5);
        for (var i = 0; i < 640 * 480; i++)
        {
            var grey = (int)(110 + (90 * Math.Sin(i % 640 / 37.0) * Math.Cos(i / 640 / 29.0))) + noise.Next(12);
            (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = ((byte)grey, (byte)(grey * 4 / 5), (byte)(grey / 2));
        }

        var dataset = Header(480, 640, 8).Set(DicomTags.SamplesPerPixel, 3d).Set(DicomTags.PhotometricInterpretation, "RGB").Set(DicomTags.PlanarConfiguration, 0d);
        File.WriteAllBytes(path, DicomWriter.ToArray(DicomFile.Of(dataset.Set(DicomTags.PixelData, Vr.OB, pixels), TransferSyntax.ExplicitLittle)));
        return path;
    }

    /// <summary>The file in one of our own syntaxes.</summary>
    public static string Convert(string path, string syntax, string name)
    {
        var to = Path.Combine(Path.GetDirectoryName(path)!, name);
        File.WriteAllBytes(to, DicomWriter.ToArray(Transcoder.Convert(DicomFile.Read(File.ReadAllBytes(path)), TransferSyntax.Of(syntax))));
        return to;
    }

    /// <summary>The file in a JPEG syntax that DCMTK's <c>dcmcjpeg</c> writes; null when that is not installed.</summary>
    public static string? ByDcmcjpeg(string path, string option, string name)
    {
        var to = Path.Combine(Path.GetDirectoryName(path)!, name);
        try
        {
            using var child = Process.Start(new ProcessStartInfo("dcmcjpeg", [option, path, to]) { RedirectStandardError = true })!;
            child.StandardError.ReadToEnd();
            child.WaitForExit();
            return child.ExitCode == 0 ? to : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Console.Error.WriteLine($"{name} is left out: it needs dcmcjpeg (Debian package dcmtk)");
            return null;
        }
    }

    private static string Write(string folder, string name, int rows, int columns, int bits, int centre, Func<int, int, int> value)
    {
        var pixels = new byte[rows * columns * 2];
        var noise = new Random(3);
        for (var i = 0; i < rows * columns; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(pixels.AsSpan(2 * i), (ushort)Math.Clamp(value(i % columns, i / columns) + noise.Next(-6, 7), 0, (1 << bits) - 1));
        var dataset = Header(rows, columns, bits).Set(DicomTags.SamplesPerPixel, 1d).Set(DicomTags.PhotometricInterpretation, "MONOCHROME2")
            .Set(DicomTags.WindowCenter, $"{centre}").Set(DicomTags.WindowWidth, $"{centre}");
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, DicomWriter.ToArray(DicomFile.Of(dataset.Set(DicomTags.PixelData, Vr.OW, pixels), TransferSyntax.ExplicitLittle)));
        return path;
    }

    private static DicomDataset Header(int rows, int columns, int bits) => new DicomDataset()
        .Set(DicomTags.SOPClassUID, DicomUids.CTImageStorage).Set(DicomTags.SOPInstanceUID, "2.25.2000.1").Set(DicomTags.StudyInstanceUID, "2.25.2000.2").Set(DicomTags.SeriesInstanceUID, "2.25.2000.3")
        .Set(DicomTags.PatientID, "P1").Set(DicomTags.Modality, "CT").Set(DicomTags.Rows, (double)rows).Set(DicomTags.Columns, (double)columns)
        .Set(DicomTags.BitsAllocated, bits > 8 ? 16d : 8d).Set(DicomTags.BitsStored, (double)bits).Set(DicomTags.HighBit, bits - 1d).Set(DicomTags.PixelRepresentation, 0d);
}
