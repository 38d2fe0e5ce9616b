using System.Text.Json;

namespace Skylight.Dicom.Tests.Corpus;

/// <summary>The public files beside the repository (../shared/corpus); tests on them are skipped where it is not.</summary>
internal static class CorpusFiles
{
    public static string? Folder { get; } = Find();

    public static TheoryData<string> All => new(Folder is null ? [""] : Directory.GetFiles(Path.Combine(Folder, "files")).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));

    public static byte[] Bytes(string name)
    {
        Assert.SkipWhen(Folder is null, "../shared/corpus is not beside the repository");
        return File.ReadAllBytes(Path.Combine(Folder!, "files", name));
    }

    /// <summary>Files below 10 KB, as further seeds for mutations; none where the corpus is not.</summary>
    public static IEnumerable<byte[]> Small() => Folder is null ? [] : Directory.GetFiles(Path.Combine(Folder, "files")).Order(StringComparer.Ordinal).Select(File.ReadAllBytes).Where(b => b.Length < 10_000);

    public static IReadOnlyDictionary<string, JsonElement> Expected { get; } = LoadExpected();

    private static Dictionary<string, JsonElement> LoadExpected()
    {
        if (Folder is null) return [];
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));
        return document.RootElement.EnumerateArray().ToDictionary(e => e.GetProperty("file").GetString()!, e => e.Clone());
    }

    private static string? Find()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (!File.Exists(Path.Combine(d.FullName, "Serverless.sln"))) continue;
            var corpus = Path.Combine(d.Parent!.FullName, "shared", "corpus");
            return Directory.Exists(corpus) ? corpus : null;
        }

        return null;
    }
}
