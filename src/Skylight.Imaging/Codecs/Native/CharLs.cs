using System.Runtime.InteropServices;

namespace Skylight.Imaging.Codecs.Native;

/// <summary>JPEG-LS (ISO/IEC 14495-1) by CharLS 2.</summary>
internal static partial class CharLs
{
    private static readonly bool Available = NativeLibraryLoader.Has(NativeLibraryLoader.Charls);

    public static unsafe void Decode(ReadOnlySpan<byte> source, PixelLayout layout, Span<byte> destination)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.Charls);
        JpegLsHeader.Check(source, layout);
        // A truncated stream can cost the library seconds; ended by a marker it fails at once.
        var ended = source.LastIndexOf((byte)0xD9) is var last && last > 0 && source[last - 1] == 0xFF;
        byte[]? copy = null;
        if (!ended)
        {
            copy = new byte[source.Length + 2];
            source.CopyTo(copy);
            copy[^2] = 0xFF;
            copy[^1] = 0xD9;
            source = copy;
        }

        var decoder = charls_jpegls_decoder_create();
        try
        {
            fixed (byte* from = source)
            fixed (byte* to = destination)
            {
                Check(charls_jpegls_decoder_set_source_buffer(decoder, from, (nuint)source.Length));
                Check(charls_jpegls_decoder_read_header(decoder));
                Check(charls_jpegls_decoder_get_frame_info(decoder, out var frame));
                Jpeg.JpegCheck.Matches((int)frame.Height, (int)frame.Width, frame.Components, frame.BitsPerSample, layout);
                if ((frame.BitsPerSample <= 8) != (layout.BytesPerSample == 1))
                {
                    DecodeNarrow(decoder, frame, layout, destination);
                    return;
                }

                Check(charls_jpegls_decoder_get_interleave_mode(decoder, out var interleave));
                if (interleave == 0 && frame.Components > 1)
                {
                    var planes = new byte[destination.Length];
                    fixed (byte* plane = planes) Check(charls_jpegls_decoder_decode_to_buffer(decoder, plane, (nuint)planes.Length, 0));
                    Planes.Interleave(planes, destination, layout.PixelCount, layout.SamplesPerPixel, layout.BytesPerSample);
                    return;
                }

                Check(charls_jpegls_decoder_decode_to_buffer(decoder, to, (nuint)layout.FrameBytes, 0));
            }
        }
        finally
        {
            charls_jpegls_decoder_destroy(decoder);
        }
    }

    /// <summary>Lossless encoding of a frame that lies colour by pixel, little endian.</summary>
    public static unsafe byte[] Encode(ReadOnlySpan<byte> source, PixelLayout layout)
    {
        if (!Available) NativeLibraryLoader.Need(NativeLibraryLoader.Charls);
        if (layout.BitsAllocated is not (8 or 16)) throw new PixelDataException(PixelDataError.Unsupported, $"JPEG-LS of {layout.BitsAllocated} bit.");
        var encoder = charls_jpegls_encoder_create();
        try
        {
            // Every allocated bit is coded: what lies in unused high bits comes back as well. CharLS needs at least 2 bits.
            var frame = new FrameInfo { Width = (uint)layout.Columns, Height = (uint)layout.Rows, BitsPerSample = UsedBits(source, layout), Components = layout.SamplesPerPixel };
            Check(charls_jpegls_encoder_set_frame_info(encoder, frame));
            Check(charls_jpegls_encoder_set_near_lossless(encoder, 0));
            if (layout.SamplesPerPixel > 1) Check(charls_jpegls_encoder_set_interleave_mode(encoder, 2));
            Check(charls_jpegls_encoder_get_estimated_destination_size(encoder, out var size));
            var output = new byte[Math.Max((int)size, source.Length + 4096)];
            nuint written;
            fixed (byte* from = source)
            fixed (byte* to = output)
            {
                Check(charls_jpegls_encoder_set_destination_buffer(encoder, to, (nuint)output.Length));
                Check(charls_jpegls_encoder_encode_from_buffer(encoder, from, (nuint)source.Length, 0));
                Check(charls_jpegls_encoder_get_bytes_written(encoder, out written));
            }

            return output[..(int)written];
        }
        finally
        {
            charls_jpegls_encoder_destroy(encoder);
        }
    }

    /// <summary>At most 8 bits coded where 16 are allocated: the library writes bytes, the dataset wants words.</summary>
    private static unsafe void DecodeNarrow(IntPtr decoder, FrameInfo frame, PixelLayout layout, Span<byte> destination)
    {
        if (layout.BytesPerSample != 2 || frame.BitsPerSample > 8) throw new PixelDataException(PixelDataError.Mismatch, $"The stream has {frame.BitsPerSample} bits; the dataset allocates {layout.BitsAllocated}.");
        Check(charls_jpegls_decoder_get_interleave_mode(decoder, out var interleave));
        var narrow = new byte[layout.PixelCount * layout.SamplesPerPixel];
        fixed (byte* to = narrow) Check(charls_jpegls_decoder_decode_to_buffer(decoder, to, (nuint)narrow.Length, 0));
        if (interleave == 0 && frame.Components > 1)
        {
            var pixels = new byte[narrow.Length];
            Planes.Interleave(narrow, pixels, layout.PixelCount, layout.SamplesPerPixel, 1);
            narrow = pixels;
        }

        for (var i = 0; i < narrow.Length; i++)
        {
            destination[2 * i] = narrow[i];
            destination[(2 * i) + 1] = 0;
        }
    }

    private static int UsedBits(ReadOnlySpan<byte> source, PixelLayout layout)
    {
        if (layout.BitsAllocated == 8) return 8;
        ushort any = 0;
        foreach (var value in MemoryMarshal.Cast<byte, ushort>(source)) any |= value;
        return Math.Max(Math.Max(layout.BitsStored, 2), 16 - System.Numerics.BitOperations.LeadingZeroCount((uint)any << 16));
    }

    private static void Check(int error)
    {
        if (error == 0) return;
        var text = Marshal.PtrToStringUTF8(charls_get_error_message(error)) ?? "unknown";
        throw new PixelDataException(PixelDataError.BadStream, $"JPEG-LS: {text}");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FrameInfo
    {
        public uint Width;
        public uint Height;
        public int BitsPerSample;
        public int Components;
    }

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial IntPtr charls_jpegls_decoder_create();

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial void charls_jpegls_decoder_destroy(IntPtr decoder);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static unsafe partial int charls_jpegls_decoder_set_source_buffer(IntPtr decoder, byte* source, nuint length);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_decoder_read_header(IntPtr decoder);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_decoder_get_frame_info(IntPtr decoder, out FrameInfo frame);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_decoder_get_interleave_mode(IntPtr decoder, out int mode);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static unsafe partial int charls_jpegls_decoder_decode_to_buffer(IntPtr decoder, byte* destination, nuint length, uint stride);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial IntPtr charls_jpegls_encoder_create();

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial void charls_jpegls_encoder_destroy(IntPtr encoder);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_encoder_set_frame_info(IntPtr encoder, in FrameInfo frame);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_encoder_set_near_lossless(IntPtr encoder, int near);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_encoder_set_interleave_mode(IntPtr encoder, int mode);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_encoder_get_estimated_destination_size(IntPtr encoder, out nuint size);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static unsafe partial int charls_jpegls_encoder_set_destination_buffer(IntPtr encoder, byte* destination, nuint length);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static unsafe partial int charls_jpegls_encoder_encode_from_buffer(IntPtr encoder, byte* source, nuint length, uint stride);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial int charls_jpegls_encoder_get_bytes_written(IntPtr encoder, out nuint written);

    [LibraryImport(NativeLibraryLoader.Charls)]
    private static partial IntPtr charls_get_error_message(int error);
}
