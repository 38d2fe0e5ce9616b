using System.Collections.Frozen;

namespace Skylight.Core.Ingest.Containers;

/// <summary>Names on DICOM media (PS3.10 8, PS3.12): which files are no instances and need not be, and how references are compared with files.</summary>
internal static class MediaFiles
{
    public const string Directory = "DICOMDIR";

    private static readonly FrozenSet<string> s_programs = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "exe", "dll", "inf", "ini", "bat", "cmd", "com", "jar", "class", "chm", "hlp", "cab", "msi", "ocx", "sys", "so", "dylib", "ico", "css", "js", "htm", "html",
        "lnk", "nib", "plist", "cfg", "config", "manifest", "ttf", "lng", "db", "log", "md5", "sha256");

    private static readonly FrozenSet<string> s_system = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "thumbs.db", ".ds_store", "desktop.ini", "autorun.inf", "readme", "readme.txt", "license", "license.txt");

    /// <summary>Extensions that a viewer brings along: ignored where a DICOMDIR shows that this is a medium, else worth a technician's look.</summary>
    private static readonly FrozenSet<string> s_companions = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "txt", "xml", "xsl", "xslt", "xsd", "pdf", "png", "jpg", "jpeg", "gif", "bmp", "rtf", "doc", "json", "bin", "dat", "properties", "ver", "pak", "zip", "gz");

    public static bool IsDirectory(string path) => LeafOf(path).Equals(Directory, StringComparison.OrdinalIgnoreCase);

    /// <summary>A viewer, or a file of an operating system.</summary>
    /// <param name="onMedium">The archive or upload has a DICOMDIR.</param>
    public static bool IsProgram(string path, bool onMedium)
    {
        var leaf = LeafOf(path);
        if (leaf.StartsWith("._", StringComparison.Ordinal) || path.Contains("__MACOSX/", StringComparison.Ordinal) || s_system.Contains(leaf)) return true;
        var dot = leaf.LastIndexOf('.');
        if (dot < 0) return false;
        var extension = leaf[(dot + 1)..];
        return s_programs.Contains(extension) || (onMedium && s_companions.Contains(extension));
    }

    /// <summary>The form under which a referenced file ID and a path agree: components in upper case joined by '/', without the version suffix of ISO 9660.</summary>
    public static string Comparable(string path)
    {
        var parts = path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries).Select(part => part.Trim().Split(';')[0].TrimEnd('.').ToUpperInvariant()).Where(part => part is not ("" or "."));
        return string.Join('/', parts);
    }

    /// <summary>The folder of a path in comparable form, with its '/' at the end; empty at the top.</summary>
    public static string FolderOf(string path)
    {
        var comparable = Comparable(path);
        return comparable[..(comparable.LastIndexOf('/') + 1)];
    }

    private static string LeafOf(string path) => path[(path.LastIndexOfAny(['/', '\\']) + 1)..];
}

/// <summary>A DICOMDIR that came along, with the files that it names, relative to it.</summary>
public sealed record MediaDirectory(string Path, IReadOnlyList<string> References)
{
    /// <summary>References to files that are not among <paramref name="paths"/>.</summary>
    public IReadOnlyList<string> MissingFrom(IEnumerable<string> paths)
    {
        var folder = MediaFiles.FolderOf(Path);
        var present = paths.Select(MediaFiles.Comparable).ToHashSet(StringComparer.Ordinal);
        return [.. References.Where(reference => !present.Contains(folder + MediaFiles.Comparable(reference))).Distinct(StringComparer.Ordinal)];
    }
}
