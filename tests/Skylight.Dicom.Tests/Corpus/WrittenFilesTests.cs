using System.Diagnostics;
using System.Xml.Linq;

namespace Skylight.Dicom.Tests.Corpus;

/// <summary>What we write, read by toolkits that are not ours: DCMTK, pydicom, GDCM. Skipped where they are not installed.</summary>
public sealed class WrittenFilesTests : IDisposable
{
    private static readonly TransferSyntax[] s_syntaxes = [TransferSyntax.ImplicitLittle, TransferSyntax.ExplicitLittle, TransferSyntax.ExplicitBig, TransferSyntax.Deflated];

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-written-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Write_EverySyntaxAndLength_IsReadByDcmtk()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dcmdump"), "dcmtk is not installed");
        var (code, output) = await RunAsync("/usr/bin/dcmdump", ["-q", "+P", "0010,0010", .. WriteAll()]);
        Assert.Equal(0, code);
        Assert.Equal(Files().Count(), output.Split("PatientName").Length - 1);
    }

    /// <summary>Every value as text, and the DICOM JSON that we write as pydicom understands it.</summary>
    [Fact]
    public async Task Write_EverySyntaxAndLength_IsReadByPydicom()
    {
        Assert.SkipUnless(Directory.Exists("/usr/lib/python3/dist-packages/pydicom"), "python3-pydicom is not installed");
        foreach (var path in WriteAll())
            File.WriteAllBytes(path + ".json", DicomJson.ToUtf8(DicomFile.Read(path, new ReadOptions { StopBeforePixelData = true }).Dataset));
        const string Script = """
            import glob, sys, pydicom
            n = 0
            for path in sorted(glob.glob(sys.argv[1] + "/*.dcm")):
                ours = pydicom.Dataset.from_json(open(path + ".json", encoding="utf-8").read())
                theirs = pydicom.dcmread(path)
                assert str(theirs.PatientName) == "Wang^Xiaodong=王^小东", path
                assert theirs.ProcedureCodeSequence[0].CodeMeaning == "平扫", path
                assert theirs.PixelData == bytes((i * 7) & 255 for i in range(2048)) or theirs.is_little_endian is False, path
                for e in theirs:
                    if e.tag.is_private or e.VR == "SQ" or e.tag in (0x7FE00010, 0x00080005): continue
                    assert e.tag in ours and (ours[e.tag].value == e.value or not e.value and not ours[e.tag].value), (path, e, ours.get(e.tag))
                n += 1
            print(n)
            """;
        var (code, output) = await RunAsync("/usr/bin/python3", ["-c", Script, _folder]);
        Assert.True(code == 0, output);
        Assert.Equal(Files().Count().ToString(System.Globalization.CultureInfo.InvariantCulture), output.Split('\n')[^2]);
    }

    [Fact]
    public async Task Write_EverySyntaxAndLength_IsReadByGdcm()
    {
        Assert.SkipUnless(File.Exists("/usr/lib/python3/dist-packages/gdcm.py"), "python3-gdcm is not installed");
        const string Script = """
            import glob, sys, gdcm
            for path in sorted(glob.glob(sys.argv[1] + "/*.dcm")):
                reader = gdcm.Reader()
                reader.SetFileName(path)
                assert reader.Read(), path
                text = gdcm.StringFilter()
                text.SetFile(reader.GetFile())
                assert text.ToString(gdcm.Tag(0x0020, 0x000D)).strip("\x00 ") == "2.25.1", path
            """;
        WriteAll();
        var (code, output) = await RunAsync("/usr/bin/python3", ["-c", Script, _folder]);
        Assert.True(code == 0, output);
    }

    /// <summary>The Native DICOM Model of DCMTK: the same attributes with the same values.</summary>
    [Fact]
    public async Task Xml_File_HasTheAttributesOfDcmtk()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dcm2xml"), "dcmtk is not installed");
        var path = WriteAll()[2];
        var (code, output) = await RunAsync("/usr/bin/dcm2xml", ["-q", "-nat", "+U8", path]);
        Assert.True(code == 0, output);
        using var ours = new MemoryStream();
        using (var writer = System.Xml.XmlWriter.Create(ours)) DicomXml.Write(writer, DicomFile.Read(path, new ReadOptions { StopBeforePixelData = true }).Dataset);
        ours.Position = 0;
        Assert.Equal(Attributes(XDocument.Parse(output[output.IndexOf('<', StringComparison.Ordinal)..])), Attributes(XDocument.Load(ours)));
    }

    private static List<string> Attributes(XDocument document) =>
        [.. document.Root!.Elements().Where(e => (string?)e.Attribute("tag") is { } tag && !tag.StartsWith("0002", StringComparison.Ordinal) && tag is not ("7FE00010" or "00080005") && Convert.ToInt32(tag[..4], 16) % 2 == 0)
            .Select(e => $"{(string?)e.Attribute("tag")} {(string?)e.Attribute("vr")} {string.Join('|', e.Descendants().Where(x => !x.HasElements).Select(x => x.Value.Trim()))}")];

    private static IEnumerable<(TransferSyntax Syntax, LengthEncoding Lengths)> Files() => s_syntaxes.SelectMany(s => Enum.GetValues<LengthEncoding>().Select(l => (s, l)));

    private List<string> WriteAll()
    {
        var paths = new List<string>();
        foreach (var (syntax, lengths) in Files())
        {
            var path = Path.Combine(_folder, $"{paths.Count:D2}.dcm");
            File.WriteAllBytes(path, DicomWriter.ToArray(DicomFile.Of(Samples.Ct(), syntax), new WriteOptions { Lengths = lengths }));
            paths.Add(path);
        }

        return paths;
    }

    private static async Task<(int Code, string Output)> RunAsync(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await errors + output);
    }
}
