using System.Runtime.InteropServices;

namespace Skylight.Edge.Hosting;

/// <summary>Makes every file and folder that the process creates readable by its user only.</summary>
internal static partial class PrivateFiles
{
    public static void Set() => _ = Umask(Convert.ToUInt32("077", 8));

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint Umask(uint mask);
}
