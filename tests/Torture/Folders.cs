using System.Runtime.InteropServices;

namespace Skylight.Torture;

/// <summary>Copies of data folders.</summary>
internal static partial class Folders
{
    public static void Clear(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    /// <summary>Replaces <paramref name="to"/> by a copy. Sealed objects are never written again once they have their name, so the copy shares them.</summary>
    public static void Copy(string from, string to)
    {
        Clear(to);
        Copy(from, to, shared: false);
    }

    /// <summary>A second name for a file that neither side writes to.</summary>
    public static void Link(string from, string to)
    {
        if (LinkCore(from, to) != 0) throw new IOException($"A link could not be made (errno {Marshal.GetLastPInvokeError()}).");
    }

    private static void Copy(string from, string to, bool shared)
    {
        Directory.CreateDirectory(to, File.GetUnixFileMode(from));
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry is DirectoryInfo) Copy(entry.FullName, target, shared ? entry.Name != ".temporary" : entry.Name.StartsWith("objects", StringComparison.Ordinal));
            else if (shared) Link(entry.FullName, target);
            else if (entry.Name != "lock") File.Copy(entry.FullName, target);
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkCore(string from, string to);
}
