namespace Skylight.Dicom;

/// <summary>The rule tables in the assembly: lines of text, "#" begins a comment.</summary>
internal static class RuleFile
{
    public static IEnumerable<string> Lines(string name)
    {
        using var resource = typeof(RuleFile).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not in the assembly.");
        using var reader = new StreamReader(resource);
        while (reader.ReadLine() is { } line)
            if (line.Length > 0 && line[0] != '#') yield return line;
    }

    public static DicomTag Tag(string name, string keyword) => DicomDictionary.TryFindKeyword(keyword, out var tag) ? tag : throw new InvalidOperationException($"{name}: {keyword} is not a keyword.");

    public static string Uid(string name, string keyword) =>
        DicomUids.All.FirstOrDefault(u => u.Keyword == keyword)?.Uid ?? throw new InvalidOperationException($"{name}: {keyword} is not the keyword of a UID.");
}
