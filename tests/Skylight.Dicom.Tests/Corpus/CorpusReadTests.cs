using System.Text.Json;

namespace Skylight.Dicom.Tests.Corpus;

public sealed class CorpusReadTests
{
    private static readonly ReadOptions s_lenient = new() { AllowTruncated = true };

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Read_CorpusFile_IdentityNamesAndCountsAgree(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        var expected = CorpusFiles.Expected[name];
        var file = DicomFile.Read(bytes, s_lenient);

        var syntax = Text(expected, "transferSyntax");
        if (syntax.Length > 0) Assert.Equal(syntax, file.Syntax.Uid);
        foreach (var keyword in (string[])["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "PatientID", "StudyDate", "Rows", "Columns",
            "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration"])
        {
            Assert.True(DicomTag.TryParse(keyword, out var tag));
            Assert.Equal((keyword, Text(expected, keyword)), (keyword, file.Dataset.GetString(tag) ?? ""));
        }

        var n = file.Dataset.GetPersonName(DicomTags.PatientName) ?? new PersonName("", "", "");
        if (expected.TryGetProperty("PatientName", out var pn) && pn.ValueKind == JsonValueKind.Object)
            Assert.Equal((Text(pn, "alphabetic"), Text(pn, "ideographic"), Text(pn, "phonetic")), (n.Alphabetic, n.Ideographic, n.Phonetic));
        Assert.Equal(expected.GetProperty("topLevelElements").GetInt32(), file.Dataset.Count);
        Assert.Equal(expected.GetProperty("allElements").GetInt32(), CountAll(file.Dataset));
    }

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Inspect_CorpusFile_DigestsAreStable(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true });
        foreach (var chunk in bytes.Chunk(1000)) inspector.Append(chunk);
        var found = inspector.Complete();

        Assert.Equal(Text(CorpusFiles.Expected[name], "sha256"), Convert.ToHexStringLower(found.FileSha256));
        Assert.Equal(bytes.Length, found.Length);
        if (!name.Contains("truncated", StringComparison.Ordinal)) Assert.Equal(CanonicalDigest.Of(DicomFile.Read(bytes, s_lenient).Dataset), found.DatasetDigest);
        if (CorpusFiles.Expected[name].TryGetProperty("pixels", out var pixels) && pixels.ValueKind == JsonValueKind.Object && pixels.TryGetProperty("stored", out var stored) && found.Syntax.IsNative && !name.Contains("truncated", StringComparison.Ordinal))
        {
            Assert.Equal("native", found.PixelDigestKind);
            Assert.True(found.Frames.Kind is FrameTableKind.Bytes or FrameTableKind.Bits, found.Frames.Kind.ToString());
            var frames = Enumerable.Range(0, found.Frames.Count).Select(found.Frames.GetFrame).ToList();
            if (found.Frames.Kind == FrameTableKind.Bytes && !name.Contains("liver", StringComparison.Ordinal))
                Assert.Equal(stored.GetProperty("bytes").GetInt64(), frames.Sum(f => f!.Length));
        }
    }

    private static int CountAll(DicomDataset dataset) => dataset.Sum(e => 1 + (e.Sequence?.Items.Sum(CountAll) ?? 0));

    private static string Text(JsonElement e, string property) =>
        e.TryGetProperty(property, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString()! : "";
}
