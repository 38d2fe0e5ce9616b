using System.Runtime.InteropServices;

namespace Skylight.Imaging.Codecs.Native;

/// <summary>8-bit JPEG by libjpeg-turbo. Not thread-safe handles: one a call.</summary>
internal static partial class TurboJpeg
{
    private const int PixelRgb = 0, PixelGray = 6, PixelCmyk = 11;
    private const int ColorRgb = 0, ColorYCbCr = 1, ColorGray = 2;
    private const int AccurateDct = 4096, LimitScans = 32768;
    private static readonly bool Available = NativeLibraryLoader.Has(NativeLibraryLoader.TurboJpeg);

    /// <summary>
    /// Decodes grey, or colour to RGB. A dataset that says RGB is believed over a stream without colour marks, as DCMTK and pydicom do: its components are
    /// then taken as they are.
    /// </summary>
    /// <returns>The photometric interpretation of what was written.</returns>
    public static unsafe string Decode(ReadOnlySpan<byte> source, PixelLayout layout, Span<byte> destination)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.TurboJpeg);
        var handle = tjInitDecompress();
        if (handle == IntPtr.Zero) throw new PixelDataException(PixelDataError.BadStream, "libturbojpeg cannot start a decompressor.");
        try
        {
            fixed (byte* from = source)
            fixed (byte* to = destination)
            {
                Check(handle, tjDecompressHeader3(handle, from, (ulong)source.Length, out var width, out var height, out var subsampling, out var colour));
                var components = colour == ColorGray ? 1 : colour is ColorRgb or ColorYCbCr ? 3 : 4;
                Jpeg.JpegCheck.Matches(height, width, components, 8, layout);
                if (layout.BytesPerSample != 1) throw new PixelDataException(PixelDataError.Mismatch, "An 8-bit JPEG stream where the dataset allocates 16 bits.");
                if (components == 4) throw new PixelDataException(PixelDataError.Unsupported, "JPEG with four components.");
                if (components == 3 && colour == ColorYCbCr && subsampling == 0 && layout.Photometric == "RGB" && !IsMarked(source))
                {
                    var planes = new byte[layout.FrameBytes];
                    fixed (byte* plane = planes)
                    {
                        var pointers = stackalloc byte*[3] { plane, plane + layout.PixelCount, plane + (2 * layout.PixelCount) };
                        Check(handle, tjDecompressToYUVPlanes(handle, from, (ulong)source.Length, pointers, width, null, height, AccurateDct | LimitScans));
                    }

                    Planes.Interleave(planes, destination, layout.PixelCount, 3, 1);
                    return "RGB";
                }

                var format = components == 1 ? PixelGray : PixelRgb;
                Check(handle, tjDecompress2(handle, from, (ulong)source.Length, to, width, 0, height, format, AccurateDct | LimitScans));
                return components == 1 ? layout.Photometric : "RGB";
            }
        }
        finally
        {
            _ = tjDestroy(handle);
        }
    }

    /// <summary>Whether the stream itself tells its colours, by a JFIF or Adobe segment.</summary>
    private static bool IsMarked(ReadOnlySpan<byte> source)
    {
        var header = new Jpeg.JpegHeader();
        header.ReadToScan(source, 0);
        return header.Jfif || header.AdobeTransform >= 0;
    }

    /// <summary>Baseline JPEG of 8-bit grey or RGB pixels. <paramref name="quality"/> is 1 to 100; colour is 4:2:0 below 90, else 4:4:4.</summary>
    public static unsafe byte[] Encode(ReadOnlySpan<byte> pixels, int width, int height, int samples, int quality)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.TurboJpeg);
        if (pixels.Length < (long)width * height * samples) throw new ArgumentException("Fewer pixels than width x height x samples.", nameof(pixels));
        var handle = tjInitCompress();
        if (handle == IntPtr.Zero) throw new PixelDataException(PixelDataError.BadStream, "libturbojpeg cannot start a compressor.");
        byte* buffer = null;
        try
        {
            ulong size = 0;
            var subsampling = samples == 1 ? 3 : quality >= 90 ? 0 : 2;
            fixed (byte* from = pixels)
                Check(handle, tjCompress2(handle, from, width, 0, height, samples == 1 ? PixelGray : PixelRgb, ref buffer, ref size, subsampling, quality, AccurateDct));
            return new ReadOnlySpan<byte>(buffer, (int)size).ToArray();
        }
        finally
        {
            if (buffer != null) tjFree(buffer);
            _ = tjDestroy(handle);
        }
    }

    private static void Check(IntPtr handle, int result)
    {
        if (result == 0) return;
        // 0 is a warning (the picture is there, some data were damaged); 1 is fatal.
        var text = Marshal.PtrToStringUTF8(tjGetErrorStr2(handle)) ?? "unknown";
        var code = text.Contains("remature end", StringComparison.Ordinal) ? PixelDataError.Truncated : PixelDataError.BadStream;
        if (tjGetErrorCode(handle) == 0 && code != PixelDataError.Truncated) return;
        throw new PixelDataException(code, $"JPEG: {text}");
    }

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static partial IntPtr tjInitDecompress();

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static partial IntPtr tjInitCompress();

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static partial int tjDestroy(IntPtr handle);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static unsafe partial void tjFree(byte* buffer);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static unsafe partial int tjDecompressHeader3(IntPtr handle, byte* source, ulong size, out int width, out int height, out int subsampling, out int colour);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static unsafe partial int tjDecompress2(IntPtr handle, byte* source, ulong size, byte* destination, int width, int pitch, int height, int format, int flags);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static unsafe partial int tjDecompressToYUVPlanes(IntPtr handle, byte* source, ulong size, byte** planes, int width, int* strides, int height, int flags);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static unsafe partial int tjCompress2(IntPtr handle, byte* source, int width, int pitch, int height, int format, ref byte* buffer, ref ulong size, int subsampling, int quality, int flags);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static partial IntPtr tjGetErrorStr2(IntPtr handle);

    [LibraryImport(NativeLibraryLoader.TurboJpeg)]
    private static partial int tjGetErrorCode(IntPtr handle);
}
