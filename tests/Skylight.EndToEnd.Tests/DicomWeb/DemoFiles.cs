using Skylight.Dicom;

namespace Skylight.EndToEnd.Tests.DicomWeb;

/// <summary>A demo file as bytes, with what tests ask of it.</summary>
public sealed record DemoInstance(byte[] Bytes, DicomFile File)
{
    public string Study => File.Dataset.GetString(DicomTags.StudyInstanceUID)!;

    public string Series => File.Dataset.GetString(DicomTags.SeriesInstanceUID)!;

    public string Sop => File.Dataset.GetString(DicomTags.SOPInstanceUID)!;

    public string Path => $"dicomweb/studies/{Study}/series/{Series}/instances/{Sop}";

    /// <summary>The bytes behind File Meta Information.</summary>
    public byte[] Dataset => DatasetOf(Bytes);

    public static DemoInstance Of(byte[] bytes) => new(bytes, DicomFile.Read(bytes));

    public static byte[] DatasetOf(byte[] bytes) => bytes[(int)DicomFile.Read(bytes).DatasetOffset..];

    public static List<DemoInstance> Load(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.dcm", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => Of(System.IO.File.ReadAllBytes(f)))];

    /// <summary>The same file with some attributes changed, in a transfer syntax of choice.</summary>
    public DemoInstance With(Action<DicomDataset> change, TransferSyntax? syntax = null)
    {
        var dataset = File.Dataset.Clone();
        change(dataset);
        return Of(DicomWriter.ToArray(DicomFile.Of(dataset, syntax ?? TransferSyntax.ExplicitLittle)));
    }
}
