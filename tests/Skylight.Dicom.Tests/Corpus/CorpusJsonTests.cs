using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Skylight.Dicom.Tests.Corpus;

public sealed class CorpusJsonTests
{
    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Json_CorpusFile_EqualsDcmtk(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        var reference = Path.Combine(CorpusFiles.Folder!, "json", name + ".json");
        Assert.SkipUnless(File.Exists(reference), "DCMTK refuses this file");
        var ours = DicomJson.ToUtf8(DicomFile.Read(bytes, new ReadOptions { AllowTruncated = true }).Dataset);
        Assert.SkipWhen(name == "chrSQEncoding.dcm", "DCMTK's text is not UTF-8");
        Assert.Equal(Normal(File.ReadAllBytes(reference)), Normal(ours));
    }

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Json_WrittenReadWritten_IsTheSame(string name)
    {
        var dataset = DicomFile.Read(CorpusFiles.Bytes(name), new ReadOptions { AllowTruncated = true }).Dataset;
        var options = new JsonOptions { BulkDataUri = (path, _) => "bulk/" + path };
        var once = DicomJson.ToUtf8(dataset, options);
        var again = DicomJson.Read(once);
        Assert.Equal(Encoding.UTF8.GetString(once), Encoding.UTF8.GetString(DicomJson.ToUtf8(again, options)));
        if (name != "image_dfl.dcm") Assert.Equal(dataset.GetString(DicomTags.PatientName), again.GetString(DicomTags.PatientName));
    }

    /// <summary>Tag, representation and value a line; numbers as doubles.</summary>
    private static string Normal(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder();
        Append(document.RootElement, text, "");
        return text.ToString();
    }

    private static void Append(JsonElement dataset, StringBuilder text, string indent)
    {
        foreach (var p in dataset.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            var vr = p.Value.GetProperty("vr").GetString();
            text.Append(CultureInfo.InvariantCulture, $"{indent}{p.Name} {vr}");
            if (p.Value.TryGetProperty("InlineBinary", out var binary)) text.Append(' ').Append(binary.GetString());
            text.Append('\n');
            if (!p.Value.TryGetProperty("Value", out var values)) continue;
            foreach (var v in values.EnumerateArray())
            {
                if (vr == "SQ")
                {
                    text.Append(indent).Append("- item\n");
                    Append(v, text, indent + "  ");
                }
                else text.Append(indent).Append("  ").Append(Plain(v, vr!)).Append('\n');
            }
        }
    }

    private static string Plain(JsonElement v, string vr) => v.ValueKind switch
    {
        JsonValueKind.Number when vr == "FL" => (v.GetSingle() + 0f).ToString("R", CultureInfo.InvariantCulture),
        JsonValueKind.Number => (v.GetDouble() + 0d).ToString("R", CultureInfo.InvariantCulture),
        JsonValueKind.Object => string.Join('|', v.EnumerateObject().Select(g => g.Name + ":" + g.Value.GetString()!.TrimEnd())),
        JsonValueKind.String => v.GetString()!.Trim(),
        _ => v.ToString(),
    };
}
