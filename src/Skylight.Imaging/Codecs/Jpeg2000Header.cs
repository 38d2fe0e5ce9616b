using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs;

/// <summary>
/// What a JPEG 2000 code stream says of itself (ISO/IEC 15444-1 annex A), read before the library sees it: OpenJPEG allocates and loops by these numbers, so
/// an image that is not the dataset's, or one of more tiles, precincts, layers or code blocks than images have, is refused here.
/// </summary>
internal static class Jpeg2000Header
{
    private const int MaxPackets = 1 << 20, MaxCodeBlocks = 1 << 20, MaxTileParts = 1 << 16;

    /// <summary>The code stream within the frame: raw (as DICOM has it), or out of a JP2 file.</summary>
    public static ReadOnlySpan<byte> CodeStream(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 12) throw new PixelDataException(PixelDataError.Truncated, $"A JPEG 2000 frame of {frame.Length} bytes.");
        if (!frame[4..].StartsWith("jP  "u8)) return frame;
        for (int at = 0, boxes = 0; at + 8 <= frame.Length && boxes < 256; boxes++)
        {
            long length = BinaryPrimitives.ReadUInt32BigEndian(frame[at..]);
            var header = 8;
            if (length == 1 && at + 16 <= frame.Length)
            {
                length = (long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(frame[(at + 8)..]), int.MaxValue);
                header = 16;
            }
            else if (length == 0)
            {
                length = frame.Length - at;
            }

            if (length < header) break;
            var end = (int)Math.Min(at + length, frame.Length);
            if (frame[(at + 4)..].StartsWith("jp2c"u8) && end - at > header + 12) return frame[(at + header)..end];
            at = end;
        }

        throw Bad("The JP2 file holds no code stream.");
    }

    /// <summary>Checks the headers of image and tile parts against the dataset.</summary>
    /// <exception cref="PixelDataException"/>
    /// <param name="highThroughput">May code blocks be those of part 15? OpenJPEG 2.5.0 ends the whole process by an assertion on damaged ones.</param>
    public static void Check(ReadOnlySpan<byte> stream, PixelLayout layout, bool highThroughput)
    {
        if (stream.Length < 51 || stream[0] != 0xFF || stream[1] != 0x4F || stream[2] != 0xFF || stream[3] != 0x51) throw Bad("The JPEG 2000 code stream does not begin with its size.");
        var size = Size.Read(stream[4..], layout);
        var coding = new Coding(highThroughput);
        var at = Markers(stream, 4 + size.SegmentBytes, in size, coding);
        if (!coding.IsSet) throw Bad("The JPEG 2000 code stream has no coding style.");
        for (var parts = 0; at >= 0; parts++)
        {
            if (parts == MaxTileParts) throw Bad("The JPEG 2000 code stream has more tile parts than tiles can have.");
            at = TilePart(stream, at, in size, coding);
        }
    }

    /// <summary>One tile part from its SOT on; answers where the next one begins, -1 at the end.</summary>
    private static int TilePart(ReadOnlySpan<byte> stream, int at, in Size size, Coding coding)
    {
        if (at + 12 > stream.Length || stream[at] != 0xFF || stream[at + 1] != 0x90) return -1;
        var tile = BinaryPrimitives.ReadUInt16BigEndian(stream[(at + 4)..]);
        if (tile >= size.Tiles) throw Bad($"JPEG 2000 tile {tile} of {size.Tiles}.");
        var length = BinaryPrimitives.ReadUInt32BigEndian(stream[(at + 6)..]);
        Markers(stream, at + 12, in size, coding);
        return length < 14 || at + (long)length > stream.Length - 2 ? -1 : at + (int)length;
    }

    /// <summary>Reads marker segments up to SOT or SOD; answers the offset of that.</summary>
    private static int Markers(ReadOnlySpan<byte> stream, int at, in Size size, Coding coding)
    {
        while (at + 4 <= stream.Length)
        {
            var marker = BinaryPrimitives.ReadUInt16BigEndian(stream[at..]);
            if (marker is 0xFF90 or 0xFF93 or 0xFFD9) return at;
            var length = BinaryPrimitives.ReadUInt16BigEndian(stream[(at + 2)..]);
            if (marker < 0xFF00 || length < 2 || at + 2 + length > stream.Length) throw Bad($"A JPEG 2000 marker segment at byte {at} is damaged.");
            var body = stream.Slice(at + 4, length - 2);
            if (marker == 0xFF51) throw Bad("The JPEG 2000 code stream has two sizes.");
            if (marker == 0xFF52) coding.Read(body, in size);
            else if (marker == 0xFF53) coding.ReadComponent(body, in size);
            at += 2 + length;
        }

        throw new PixelDataException(PixelDataError.Truncated, "The JPEG 2000 code stream ends inside its headers.");
    }

    private static PixelDataException Bad(string message) => new(PixelDataError.BadStream, message);

    /// <summary>SIZ.</summary>
    private readonly record struct Size(int SegmentBytes, int Components, long TileWidth, long TileHeight, int Tiles, long Pixels)
    {
        public static Size Read(ReadOnlySpan<byte> body, PixelLayout layout)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(body);
            long x1 = U32(body, 4), y1 = U32(body, 8), x0 = U32(body, 12), y0 = U32(body, 16);
            long tw = U32(body, 20), th = U32(body, 24), tx = U32(body, 28), ty = U32(body, 32);
            var components = BinaryPrimitives.ReadUInt16BigEndian(body[36..]);
            if (length != 38 + (3 * components) || body.Length < length) throw Bad("The JPEG 2000 size segment is damaged.");
            if (x1 - x0 != layout.Columns || y1 - y0 != layout.Rows || components != layout.SamplesPerPixel)
                throw new PixelDataException(PixelDataError.Mismatch, $"The JPEG 2000 stream is {y1 - y0} x {x1 - x0} x {components}; the dataset says {layout.Rows} x {layout.Columns} x {layout.SamplesPerPixel}.");
            if (x1 > int.MaxValue || y1 > int.MaxValue || tw == 0 || th == 0 || tx > x0 || ty > y0 || tx + tw <= x0 || ty + th <= y0) throw Bad("The JPEG 2000 tiles do not lie on the image.");
            var tiles = ((x1 - tx + tw - 1) / tw) * ((y1 - ty + th - 1) / th);
            if (tiles > Math.Max(256, (long)layout.PixelCount / 1024) || tiles > 65_535) throw new PixelDataException(PixelDataError.TooLarge, $"JPEG 2000 with {tiles} tiles on {layout.PixelCount} pixels.");
            for (var c = 0; c < components; c++)
            {
                var (precision, dx, dy) = ((body[38 + (3 * c)] & 0x7F) + 1, body[39 + (3 * c)], body[40 + (3 * c)]);
                if (dx != 1 || dy != 1) throw new PixelDataException(PixelDataError.Unsupported, "JPEG 2000 with subsampled components.");
                Jpeg.JpegCheck.Matches(layout.Rows, layout.Columns, components, precision, layout);
            }

            return new Size(length, components, Math.Min(tw, x1 - tx), Math.Min(th, y1 - ty), (int)tiles, (long)layout.PixelCount * components);
        }

        private static uint U32(ReadOnlySpan<byte> body, int at) => BinaryPrimitives.ReadUInt32BigEndian(body[at..]);
    }

    /// <summary>COD and COC.</summary>
    private sealed class Coding(bool highThroughput)
    {
        private int _layers = 1;

        public bool IsSet { get; private set; }

        public void Read(ReadOnlySpan<byte> body, in Size size)
        {
            if (body.Length < 10) throw Bad("The JPEG 2000 coding style is too short.");
            _layers = BinaryPrimitives.ReadUInt16BigEndian(body[2..]);
            if (_layers == 0) throw Bad("JPEG 2000 without layers.");
            IsSet = true;
            Style(body[5..], (body[0] & 1) != 0, in size);
        }

        public void ReadComponent(ReadOnlySpan<byte> body, in Size size)
        {
            var wide = size.Components > 256 ? 2 : 1;
            if (body.Length < wide + 6) throw Bad("The JPEG 2000 coding style of a component is too short.");
            Style(body[(wide + 1)..], (body[wide] & 1) != 0, in size);
        }

        private void Style(ReadOnlySpan<byte> body, bool hasPrecincts, in Size size)
        {
            var (levels, width, height) = (body[0], (body[1] & 15) + 2, (body[2] & 15) + 2);
            if (levels > 32 || width > 10 || height > 10 || width + height > 12) throw Bad($"JPEG 2000 with {levels} levels, code blocks of 2^{width} x 2^{height}.");
            if ((body[3] & 0x40) != 0 && !highThroughput) throw new PixelDataException(PixelDataError.Unsupported, "High-throughput JPEG 2000 is not decoded here; its frames can be had as they are.");
            if (hasPrecincts && body.Length < 5 + levels + 1) throw Bad("The JPEG 2000 precinct sizes are missing.");
            if (size.Pixels >> (width + height) > MaxCodeBlocks) throw new PixelDataException(PixelDataError.TooLarge, "JPEG 2000 with too many code blocks.");
            long precincts = 0;
            for (var r = 0; r <= levels; r++)
            {
                var (px, py) = hasPrecincts ? (body[5 + r] & 15, body[5 + r] >> 4) : (15, 15);
                var down = levels - r;
                precincts += ((size.TileWidth >> down >> px) + 2) * ((size.TileHeight >> down >> py) + 2);
            }

            if (precincts * size.Tiles * size.Components * _layers > MaxPackets) throw new PixelDataException(PixelDataError.TooLarge, "JPEG 2000 with too many packets.");
        }
    }
}
