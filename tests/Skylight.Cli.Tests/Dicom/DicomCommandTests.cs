using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using Skylight.Dicom;

namespace Skylight.Cli.Tests.Dicom;

/// <summary><c>skylight dicom</c> on a file, a folder and standard input.</summary>
public sealed class DicomCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Json_FolderAndStandardInput_OneDatasetALine()
    {
        Write("a/1.dcm", Image("2.25.1"));
        Write("a/b/2.dcm", Image("2.25.2"));
        var (code, output, _) = await Tool.RunAsync(["dicom", "json", Path.Combine(_folder, "a"), "-"], File(Image("2.25.3")));
        Assert.Equal(0, code);
        var uids = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => DicomJson.Read(Encoding.UTF8.GetBytes(l)).GetString(DicomTags.SOPInstanceUID));
        Assert.Equal(["2.25.1", "2.25.2", "2.25.3"], uids);
    }

    [Fact]
    public async Task Json_ElementsAfterPixelData_AreThere()
    {
        var (_, output, _) = await Tool.RunAsync(["dicom", "json", "-"], File(Image("2.25.1").Set(DicomTags.DataSetTrailingPadding, Vr.OB, new byte[4])));
        var read = DicomJson.Read(Encoding.UTF8.GetBytes(output));
        Assert.True(read.Contains(DicomTags.DataSetTrailingPadding));
        Assert.False(read.Contains(DicomTags.PixelData));
    }

    [Fact]
    public async Task Json_BadFileAmongGood_OthersAreShownAndCodeSaysSo()
    {
        Write("1.dcm", Image("2.25.1"));
        System.IO.File.WriteAllText(Path.Combine(_folder, "0.txt"), "no DICOM");
        var (code, output, errors) = await Tool.RunAsync(["dicom", "json", _folder]);
        Assert.Equal(1, code);
        Assert.Contains("2.25.1", output, StringComparison.Ordinal);
        Assert.Contains("not-dicom", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Xml_File_IsANativeModel()
    {
        var (code, output, _) = await Tool.RunAsync(["dicom", "xml", Write("1.dcm", Image("2.25.1"))]);
        Assert.Equal(0, code);
        Assert.Contains(XDocument.Parse(output).Root!.Elements(), e => (string?)e.Attribute("keyword") == "SOPInstanceUID" && e.Value == "2.25.1");
    }

    [Fact]
    public async Task Dump_File_NamesEveryElement()
    {
        var (code, output, _) = await Tool.RunAsync(["dicom", "dump", Write("1.dcm", Image("2.25.1"))]);
        Assert.Equal(0, code);
        Assert.Contains("(0010,0010) PN", output, StringComparison.Ordinal);
        Assert.Contains("[王^小东]", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validate_ErrorsAndWarnings_DecideTheCode()
    {
        var good = Write("good.dcm", Image("2.25.1"));
        Assert.Equal(0, (await Tool.RunAsync(["dicom", "validate", good])).Code);
        var warned = Write("warned.dcm", Image("2.25.1").Set(DicomTags.StudyDate, "2026-1-2"));
        Assert.Equal(0, (await Tool.RunAsync(["dicom", "validate", warned])).Code);
        var (strict, said, _) = await Tool.RunAsync(["dicom", "validate", "--strict", "--json", warned]);
        Assert.Equal(1, strict);
        Assert.Equal("value-format", JsonDocument.Parse(said).RootElement.GetProperty("findings").EnumerateArray().Single(f => f.GetProperty("severity").GetString() == "Warning").GetProperty("code").GetString());
        var wrong = Image("2.25.1").Set(DicomTags.PatientSex, "male");
        var (code, output, _) = await Tool.RunAsync(["dicom", "validate", "-"], File(wrong));
        Assert.Equal(1, code);
        Assert.Contains("value-not-enumerated (0010,0040)", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Repair_WrongCharacterSet_ShowsTheChangeAndWritesIt()
    {
        var gbk = new byte[] { 0xCD, 0xF5, 0x5E, 0xD0, 0xA1, 0xB6, 0xAB, 0x20 };
        var d = Image("2.25.1");
        d.Remove(DicomTags.SpecificCharacterSet);
        var (input, output) = (Write("in.dcm", d.Set(new DicomElement(DicomTags.PatientName, Vr.PN, gbk))), Path.Combine(_folder, "out.dcm"));
        var (proposed, said, _) = await Tool.RunAsync(["dicom", "repair", input]);
        Assert.Equal(0, proposed);
        Assert.Contains("charset-wrong", said, StringComparison.Ordinal);
        Assert.Contains("→ 王^小东", said, StringComparison.Ordinal);
        Assert.Equal(0, (await Tool.RunAsync(["dicom", "repair", input, "-o", output])).Code);
        var repaired = DicomFile.Read(output);
        Assert.Equal("王^小东", repaired.Dataset.GetString(DicomTags.PatientName));
        Assert.Empty(repaired.Findings);
        Assert.Equal(2, (await Tool.RunAsync(["dicom", "repair", input, "-o", output])).Code);
        Assert.Equal(0, (await Tool.RunAsync(["dicom", "repair", input, "-o", output, "--yes"])).Code);
    }

    [Fact]
    public async Task Convert_Folder_WritesTheSameNames()
    {
        Write("in/a/1.dcm", Image("2.25.1"));
        Write("in/2.dcm", Image("2.25.2"));
        var output = Path.Combine(_folder, "out");
        Assert.Equal(0, (await Tool.RunAsync(["dicom", "convert", Path.Combine(_folder, "in"), "--to", "implicit", "-o", output])).Code);
        Assert.Equal(TransferSyntax.ImplicitLittle, DicomFile.Read(Path.Combine(output, "a", "1.dcm")).Syntax);
        Assert.Equal("2.25.2", DicomFile.Read(Path.Combine(output, "2.dcm")).Dataset.GetString(DicomTags.SOPInstanceUID));
    }

    [Fact]
    public async Task Any_MissingFile_IsNotFound() => Assert.Equal(4, (await Tool.RunAsync(["dicom", "dump", Path.Combine(_folder, "nowhere")])).Code);

    private string Write(string name, DicomDataset dataset)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllBytes(path, File(dataset));
        return path;
    }

    private static byte[] File(DicomDataset dataset) => DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ExplicitLittle));

    private static DicomDataset Image(string uid)
    {
        var d = new DicomDataset()
            .Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.ImageType, "DERIVED", "SECONDARY").Set(DicomTags.SOPClassUID, DicomUids.SecondaryCaptureImageStorage).Set(DicomTags.SOPInstanceUID, uid)
            .Set(DicomTags.Modality, "OT").Set(DicomTags.ConversionType, "WSD").Set(DicomTags.PatientName, "王^小东").Set(DicomTags.PatientID, "P1").Set(DicomTags.PatientSex, "M").Set(DicomTags.StudyDate, "20260102")
            .Set(DicomTags.StudyInstanceUID, "2.25.10").Set(DicomTags.SeriesInstanceUID, "2.25.11").Set(DicomTags.SamplesPerPixel, 1).Set(DicomTags.PhotometricInterpretation, "MONOCHROME2").Set(DicomTags.Rows, 2)
            .Set(DicomTags.Columns, 2).Set(DicomTags.BitsAllocated, 8).Set(DicomTags.BitsStored, 8).Set(DicomTags.HighBit, 7).Set(DicomTags.PixelRepresentation, 0).Set(DicomTags.PixelData, Vr.OW, new byte[] { 1, 2, 3, 4 });
        foreach (var tag in (DicomTag[])[DicomTags.PatientBirthDate, DicomTags.StudyTime, DicomTags.ReferringPhysicianName, DicomTags.StudyID, DicomTags.AccessionNumber, DicomTags.SeriesNumber, DicomTags.InstanceNumber, DicomTags.PatientOrientation, DicomTags.Manufacturer])
            d.Set(new DicomElement(tag, DicomDictionary.VrOf(tag), default));
        return d;
    }
}
