using System.Reflection;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Codecs.Native;

/// <summary>Finds the system's codec libraries by their run-time file names; a missing one is an error that names the package.</summary>
internal static class NativeLibraryLoader
{
    public const string Charls = "libcharls.so.2";
    public const string OpenJpeg = "libopenjp2.so.7";
    public const string TurboJpeg = "libturbojpeg.so.0";

    /// <summary>True when the library can be loaded.</summary>
    public static bool Has(string library) => NativeLibrary.TryLoad(library, Assembly.GetExecutingAssembly(), DllImportSearchPath.SafeDirectories, out _);

    public static void Need(string library)
    {
        if (!Has(library)) throw new PixelDataException(PixelDataError.MissingLibrary, Message(library));
    }

    /// <summary>That a library is missing, and where it comes from.</summary>
    public static string Message(string library)
    {
        var package = library switch
        {
            Charls => "libcharls2",
            OpenJpeg => "libopenjp2-7",
            _ => "libturbojpeg0",
        };
        return $"{library} is not installed (Debian package {package}).";
    }
}
