namespace Skylight.Fuzz;

/// <summary>Inputs that once broke something, a folder for each target. They run first, always.</summary>
public static class KeptInputs
{
    private static string Root => Path.Combine(AppContext.BaseDirectory, "Corpus");

    public static IEnumerable<string> Folders => Directory.Exists(Root) ? Directory.GetDirectories(Root).Select(d => Path.GetFileName(d)) : [];

    public static IReadOnlyList<(string Name, byte[] Input)> Of(string target)
    {
        var folder = Path.Combine(Root, target);
        return Directory.Exists(folder) ? [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)))] : [];
    }
}
