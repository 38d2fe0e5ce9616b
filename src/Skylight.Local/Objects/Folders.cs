namespace Skylight.Local.Objects;

/// <summary>How folders lie to each other.</summary>
internal static class Folders
{
    /// <summary>Whether a path is a folder or lies inside of it, links resolved. Neither need be there.</summary>
    public static bool IsWithin(string path, string folder)
    {
        var (inner, outer) = (Real(path), Real(folder));
        return inner == outer || inner.StartsWith(outer.TrimEnd('/') + "/", StringComparison.Ordinal);
    }

    /// <summary>Whether two paths are one folder, links resolved.</summary>
    public static bool AreSame(string one, string other) => Real(one) == Real(other);

    private static string Real(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(path) is not { } parent) return path;
        var here = Path.Combine(Real(parent), Path.GetFileName(path));
        return Directory.Exists(here) && Directory.ResolveLinkTarget(here, returnFinalTarget: true) is { } target ? Real(target.FullName) : here;
    }
}
