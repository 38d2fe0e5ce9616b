using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs;

/// <summary>The marker segments of a JPEG-LS stream (ISO/IEC 14495-1 annex C), compared with the dataset before CharLS sees them.</summary>
internal static class JpegLsHeader
{
    /// <exception cref="PixelDataException"/>
    public static void Check(ReadOnlySpan<byte> stream, PixelLayout layout)
    {
        var matched = false;
        for (var at = 2; at + 4 <= stream.Length;)
        {
            if (stream[at] != 0xFF)
            {
                at++;
                continue;
            }

            var marker = stream[at + 1];
            if (marker is 0xFF or 0xD8)
            {
                at += marker == 0xFF ? 1 : 2;
                continue;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(stream[(at + 2)..]);
            if (length < 2 || at + 2 + length > stream.Length) throw new PixelDataException(PixelDataError.Truncated, $"The JPEG-LS stream ends inside a marker segment at byte {at}.");
            var body = stream.Slice(at + 4, length - 2);
            switch (marker)
            {
                case 0xF7:
                    Frame(body, layout);
                    matched = true;
                    break;
                case 0xDA:
                    if (!matched) throw new PixelDataException(PixelDataError.BadStream, "A JPEG-LS scan comes before the frame header.");
                    return;
                case >= 0xC0 and <= 0xCF:
                    throw new PixelDataException(PixelDataError.Mismatch, "The stream is JPEG, not JPEG-LS.");
                default:
                    break;
            }

            at += 2 + length;
        }

        throw new PixelDataException(PixelDataError.Truncated, "The JPEG-LS stream ends before its first scan.");
    }

    private static void Frame(ReadOnlySpan<byte> body, PixelLayout layout)
    {
        if (body.Length < 6 || body.Length < 6 + (3 * body[5])) throw new PixelDataException(PixelDataError.BadStream, "The JPEG-LS frame header is too short.");
        Jpeg.JpegCheck.Matches(BinaryPrimitives.ReadUInt16BigEndian(body[1..]), BinaryPrimitives.ReadUInt16BigEndian(body[3..]), body[5], body[0], layout);
        for (var c = 0; c < body[5]; c++)
            if (body[7 + (3 * c)] != 0x11) throw new PixelDataException(PixelDataError.Unsupported, "JPEG-LS with subsampled components.");
    }
}
