using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Skylight.Imaging.Codecs;
using Skylight.Imaging.Codecs.Jpeg;
using Skylight.Imaging.Codecs.Native;

namespace Skylight.Imaging;

/// <summary>
/// One frame between its form in a transfer syntax and stored values: little endian, colour by pixel, 1-bit data one byte a pixel.
/// Stateless and thread-safe. Sizes come from the dataset; a stream that says otherwise is refused before it is decoded.
/// </summary>
public static class FrameCodec
{
    public const string JpegBaseline = "1.2.840.10008.1.2.4.50";

    private const string JpegSpectral = "1.2.840.10008.1.2.4.53", JpegProgressive = "1.2.840.10008.1.2.4.55";
    private const string JpegExtended = "1.2.840.10008.1.2.4.51", JpegLossless14 = "1.2.840.10008.1.2.4.57", JpegLosslessSv1 = "1.2.840.10008.1.2.4.70";
    private const string JpegLs = "1.2.840.10008.1.2.4.80", JpegLsNear = "1.2.840.10008.1.2.4.81", Jpeg2000Lossless = "1.2.840.10008.1.2.4.90", Jpeg2000 = "1.2.840.10008.1.2.4.91", RleLossless = "1.2.840.10008.1.2.5";
    private const string HtLossless = "1.2.840.10008.1.2.4.201", HtRpcl = "1.2.840.10008.1.2.4.202", Ht = "1.2.840.10008.1.2.4.203";

    /// <summary>
    /// The AppContext switch that lets high-throughput JPEG 2000 be decoded. Off by default: OpenJPEG 2.5.0 has assertions that end the process on damaged
    /// code blocks, which a server must not risk; a command that works on one file may.
    /// </summary>
    public const string HighThroughputSwitch = "Skylight.Imaging.DecodeHighThroughput";

    private static bool DecodesHighThroughput => AppContext.TryGetSwitch(HighThroughputSwitch, out var on) && on;

    /// <summary>True when frames of this encapsulated syntax can be decoded here (the native library permitting).</summary>
    public static bool CanDecode(string transferSyntax) => 
        transferSyntax is JpegBaseline or JpegExtended or JpegSpectral or JpegProgressive or JpegLossless14 or JpegLosslessSv1 or JpegLs or JpegLsNear or Jpeg2000Lossless or Jpeg2000 or RleLossless
        || (transferSyntax is HtLossless or HtRpcl or Ht && DecodesHighThroughput);

    /// <summary>True when a syntax never loses anything, so that its decoded values are the original ones.</summary>
    public static bool IsLossless(string transferSyntax) => transferSyntax is JpegLossless14 or JpegLosslessSv1 or JpegLs or Jpeg2000Lossless or HtLossless or HtRpcl or RleLossless;

    /// <summary>True when <see cref="Encode"/> writes this syntax without loss.</summary>
    public static bool CanEncode(string transferSyntax) => transferSyntax is RleLossless or JpegLs or Jpeg2000Lossless;

    /// <summary>What has to be installed before frames of a syntax can be decoded and encoded, in words; null where nothing is missing.</summary>
    public static string? Missing(string transferSyntax)
    {
        var library = transferSyntax switch
        {
            JpegLs or JpegLsNear => NativeLibraryLoader.Charls,
            Jpeg2000Lossless or Jpeg2000 or HtLossless or HtRpcl or Ht => NativeLibraryLoader.OpenJpeg,
            JpegBaseline => NativeLibraryLoader.TurboJpeg,
            _ => null,
        };
        return library is null || NativeLibraryLoader.Has(library) ? null : NativeLibraryLoader.Message(library);
    }

    /// <summary>Decodes one encapsulated frame into <paramref name="destination"/> (at least <see cref="PixelLayout.FrameBytes"/> bytes).</summary>
    /// <returns>The layout of what was written: the photometric interpretation changes where the codec undoes a colour transform.</returns>
    /// <exception cref="PixelDataException"/>
    public static PixelLayout Decode(string transferSyntax, PixelLayout layout, ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        layout.Validate();
        if (destination.Length < layout.FrameBytes) throw new ArgumentException($"The destination has {destination.Length} bytes; a frame needs {layout.FrameBytes}.", nameof(destination));
        destination = destination[..layout.FrameBytes];
        var photometric = layout.Photometric;
        switch (transferSyntax)
        {
            case RleLossless:
                Rle.Decode(frame, layout, destination);
                break;
            case JpegBaseline or JpegExtended or JpegSpectral or JpegProgressive:
                if (JpegProcess.Read(frame, layout) is var (type, precision) && type == 0xC3) JpegLossless.Decode(frame, layout, destination);
                else if (precision > 8 || layout.BytesPerSample == 2) JpegDct.Decode(frame, layout, destination);
                else photometric = TurboJpeg.Decode(frame, layout, destination);
                break;
            case JpegLossless14 or JpegLosslessSv1:
                JpegProcess.Read(frame, layout);
                JpegLossless.Decode(frame, layout, destination);
                break;
            case JpegLs or JpegLsNear:
                CharLs.Decode(frame, layout, destination);
                break;
            case Jpeg2000Lossless or Jpeg2000 or HtLossless or HtRpcl or Ht:
                photometric = OpenJpeg.Decode(frame, layout, destination, DecodesHighThroughput);
                break;
            default:
                throw new PixelDataException(PixelDataError.Unsupported, $"Frames of transfer syntax {transferSyntax} ({Dicom.TransferSyntax.Of(transferSyntax).Name}) are not decoded; they can be had as they are.");
        }

        return layout with { Photometric = photometric, PlanarConfiguration = 0 };
    }

    /// <summary>Encodes stored values (little endian, colour by pixel) without loss; <see cref="CanEncode"/> lists the syntaxes.</summary>
    public static byte[] Encode(string transferSyntax, PixelLayout layout, ReadOnlySpan<byte> pixels)
    {
        layout.Validate();
        if (pixels.Length != layout.FrameBytes) throw new ArgumentException($"A frame has {layout.FrameBytes} bytes; {pixels.Length} were given.", nameof(pixels));
        if (layout.BitsAllocated == 1) throw new PixelDataException(PixelDataError.Unsupported, "1-bit data are not encapsulated.");
        return transferSyntax switch
        {
            RleLossless => Rle.Encode(pixels, layout),
            JpegLs => CharLs.Encode(pixels, layout),
            Jpeg2000Lossless => OpenJpeg.Encode(pixels, layout),
            _ => throw new PixelDataException(PixelDataError.Unsupported, $"Frames are not encoded to transfer syntax {transferSyntax}."),
        };
    }

    /// <summary>Encodes 8-bit grey or RGB as JPEG baseline, with loss.</summary>
    /// <param name="quality">1 to 100.</param>
    public static byte[] EncodeBaseline(PixelLayout layout, ReadOnlySpan<byte> pixels, int quality)
    {
        if (layout is not { BitsAllocated: 8, SamplesPerPixel: 1 or 3 } || layout.Photometric is not ("RGB" or "MONOCHROME1" or "MONOCHROME2"))
            throw new PixelDataException(PixelDataError.Unsupported, $"JPEG baseline of {layout.BitsAllocated}-bit {layout.Photometric}.");
        return TurboJpeg.Encode(pixels, layout.Columns, layout.Rows, layout.SamplesPerPixel, quality);
    }

    /// <summary>One byte a pixel to one bit a pixel, least significant bit first (PS3.5 8.1.1).</summary>
    public static void PackBits(ReadOnlySpan<byte> values, Span<byte> destination)
    {
        destination[..((values.Length + 7) / 8)].Clear();
        for (var i = 0; i < values.Length; i++) destination[i >> 3] |= (byte)((values[i] & 1) << (i & 7));
    }

    /// <summary>One native frame to stored values: expands bits, orders bytes, interleaves planes.</summary>
    /// <param name="bitOffset">First bit in <paramref name="source"/>; not 0 only for 1-bit data, whose frames are not byte-aligned.</param>
    public static PixelLayout Native(PixelLayout layout, ReadOnlySpan<byte> source, int bitOffset, bool bigEndian, Span<byte> destination)
    {
        layout.Validate();
        destination = destination[..layout.FrameBytes];
        if (layout.BitsAllocated == 1)
        {
            var count = layout.PixelCount * layout.SamplesPerPixel;
            if ((long)source.Length * 8 < (long)bitOffset + count) throw Short(source.Length);
            Bits.Expand(source, bitOffset, destination[..count]);
            return layout;
        }

        // YBR_FULL_422 native: two luma, then one Cb and one Cr, a pair (PS3.3 C.7.6.3.1.2).
        if (layout is { Photometric: "YBR_FULL_422" or "YBR_PARTIAL_422", SamplesPerPixel: 3, BitsAllocated: 8 } && source.Length < layout.FrameBytes)
        {
            if (layout.Columns % 2 != 0 || source.Length < layout.PixelCount * 2) throw Short(source.Length);
            for (int pair = 0, from = 0, to = 0; pair < layout.PixelCount / 2; pair++, from += 4, to += 6)
            {
                destination[to] = source[from];
                destination[to + 3] = source[from + 1];
                destination[to + 1] = destination[to + 4] = source[from + 2];
                destination[to + 2] = destination[to + 5] = source[from + 3];
            }

            return layout with { PlanarConfiguration = 0, Photometric = layout.Photometric == "YBR_FULL_422" ? "YBR_FULL" : layout.Photometric };
        }

        if (source.Length < layout.FrameBytes) throw Short(source.Length);
        source = source[..layout.FrameBytes];
        if (layout is { PlanarConfiguration: 1, SamplesPerPixel: > 1 }) Planes.Interleave(source, destination, layout.PixelCount, layout.SamplesPerPixel, layout.BytesPerSample);
        else source.CopyTo(destination);
        if (bigEndian && layout.BytesPerSample > 1)
        {
            switch (layout.BytesPerSample)
            {
                case 2:
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ushort>(destination), MemoryMarshal.Cast<byte, ushort>(destination));
                    break;
                case 4:
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, uint>(destination), MemoryMarshal.Cast<byte, uint>(destination));
                    break;
                default:
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ulong>(destination), MemoryMarshal.Cast<byte, ulong>(destination));
                    break;
            }
        }

        return layout with { PlanarConfiguration = 0 };

        PixelDataException Short(int bytes) => new(PixelDataError.Truncated, $"A native frame has {bytes} bytes; {layout.FrameBytes} are needed.");
    }
}
