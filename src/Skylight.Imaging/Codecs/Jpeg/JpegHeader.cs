using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>The marker segments of a JPEG stream up to its first scan (ITU-T T.81 annex B), with the tables that the own decoders use.</summary>
internal sealed class JpegHeader
{
    public byte FrameType { get; private set; }

    public int Precision { get; private set; }

    public int Rows { get; private set; }

    public int Columns { get; private set; }

    public JpegComponent[] Components { get; private set; } = [];

    public int RestartInterval { get; private set; }

    /// <summary>Components of the scan in scan order.</summary>
    public JpegComponent[] Scan { get; private set; } = [];

    /// <summary>Ss: first coefficient, or the predictor in lossless mode.</summary>
    public int SpectralStart { get; private set; }

    /// <summary>Se: last coefficient.</summary>
    public int SpectralEnd { get; private set; }

    /// <summary>Ah: the point transform of the scan before, 0 in the first one.</summary>
    public int PointTransformBefore { get; private set; }

    /// <summary>Al: the point transform.</summary>
    public int PointTransform { get; private set; }

    /// <summary>Colour transform byte of the APP14 "Adobe" segment; -1 when there is none.</summary>
    public int AdobeTransform { get; private set; } = -1;

    public bool Jfif { get; private set; }

    public ushort[]?[] Quantisation { get; } = new ushort[4][];

    public JpegHuffman?[] Dc { get; } = new JpegHuffman[4];

    public JpegHuffman?[] Ac { get; } = new JpegHuffman[4];

    /// <summary>Reads to the entropy-coded data of the next scan; answers their offset, or -1 at the end of the image.</summary>
    public int ReadToScan(ReadOnlySpan<byte> data, int at)
    {
        while (true)
        {
            if (at + 2 > data.Length) throw Truncated(at);
            if (data[at] != 0xFF)
            {
                // Damaged or padded between segments: the next marker decides.
                at++;
                continue;
            }

            var marker = data[at + 1];
            at += 2;
            switch (marker)
            {
                case 0xFF:
                    at--;
                    continue;
                case 0xD8 or 0x01 or 0x00 or (>= 0xD0 and <= 0xD7):
                    continue;
                case 0xD9:
                    return -1;
            }

            if (at + 2 > data.Length) throw Truncated(at);
            var length = BinaryPrimitives.ReadUInt16BigEndian(data[at..]);
            if (length < 2 || at + length > data.Length) throw Truncated(at);
            var body = data.Slice(at + 2, length - 2);
            at += length;
            switch (marker)
            {
                case 0xC4:
                    ReadHuffman(body);
                    break;
                case 0xDB:
                    ReadQuantisation(body);
                    break;
                case 0xDD:
                    if (body.Length < 2) throw Bad("The restart interval segment is too short.");
                    RestartInterval = BinaryPrimitives.ReadUInt16BigEndian(body);
                    break;
                case 0xE0:
                    Jfif |= body.StartsWith("JFIF\0"u8);
                    break;
                case 0xEE:
                    if (body.Length >= 12 && body.StartsWith("Adobe"u8)) AdobeTransform = body[11];
                    break;
                case 0xDA:
                    ReadScan(body);
                    return at;
                case >= 0xC0 and <= 0xCF and not (0xC8 or 0xCC):
                    ReadFrame(marker, body);
                    break;
                default:
                    break;
            }
        }

        static PixelDataException Truncated(int at) => new(PixelDataError.Truncated, $"The JPEG stream ends inside a marker segment at byte {at}.");
    }

    private void ReadFrame(byte marker, ReadOnlySpan<byte> body)
    {
        if (Components.Length > 0) throw Bad("The JPEG stream has more than one frame header.");
        if (body.Length < 6 || body.Length < 6 + (3 * body[5])) throw Bad("The JPEG frame header is too short.");
        FrameType = marker;
        Precision = body[0];
        Rows = BinaryPrimitives.ReadUInt16BigEndian(body[1..]);
        Columns = BinaryPrimitives.ReadUInt16BigEndian(body[3..]);
        if (Precision is < 2 or > 16 || Rows == 0 || Columns == 0 || body[5] is 0 or > 4)
            throw Bad($"The JPEG frame header says {Rows} x {Columns}, {Precision} bit, {body[5]} components.");
        var components = new JpegComponent[body[5]];
        for (var i = 0; i < components.Length; i++)
        {
            var c = body.Slice(6 + (3 * i), 3);
            components[i] = new JpegComponent(c[0], c[1] >> 4, c[1] & 15, c[2]);
            if (components[i].H is < 1 or > 4 || components[i].V is < 1 or > 4 || c[2] > 3) throw Bad($"JPEG component {i} has impossible sampling factors or table.");
        }

        Components = components;
    }

    private void ReadScan(ReadOnlySpan<byte> body)
    {
        if (Components.Length == 0) throw Bad("A JPEG scan comes before the frame header.");
        if (body.Length < 1 || body[0] is 0 or > 4 || body.Length < 4 + (2 * body[0])) throw Bad("The JPEG scan header is too short.");
        var scan = new JpegComponent[body[0]];
        for (var i = 0; i < scan.Length; i++)
        {
            var id = body[1 + (2 * i)];
            scan[i] = Array.Find(Components, c => c.Id == id) ?? throw Bad($"The JPEG scan names component {id}, which the frame does not have.");
            scan[i].DcTable = body[2 + (2 * i)] >> 4;
            scan[i].AcTable = body[2 + (2 * i)] & 15;
            if (scan[i].DcTable > 3 || scan[i].AcTable > 3) throw Bad("The JPEG scan names a Huffman table above 3.");
        }

        Scan = scan;
        var rest = body[(1 + (2 * scan.Length))..];
        SpectralStart = rest[0];
        SpectralEnd = rest[1];
        PointTransformBefore = rest[2] >> 4;
        PointTransform = rest[2] & 15;
    }

    private void ReadHuffman(ReadOnlySpan<byte> body)
    {
        while (body.Length > 0)
        {
            if (body.Length < 17) throw Bad("A Huffman table segment is too short.");
            var (kind, id) = (body[0] >> 4, body[0] & 15);
            if (kind > 1 || id > 3) throw Bad($"Huffman table {kind}/{id} is not of JPEG.");
            var count = 0;
            foreach (var n in body.Slice(1, 16)) count += n;
            if (count > 256 || body.Length < 17 + count) throw Bad("A Huffman table segment is too short.");
            (kind == 0 ? Dc : Ac)[id] = new JpegHuffman(body.Slice(1, 16), body.Slice(17, count));
            body = body[(17 + count)..];
        }
    }

    private void ReadQuantisation(ReadOnlySpan<byte> body)
    {
        while (body.Length > 0)
        {
            var (wide, id) = (body[0] >> 4, body[0] & 15);
            var bytes = wide == 0 ? 64 : 128;
            if (wide > 1 || id > 3 || body.Length < 1 + bytes) throw Bad("A quantisation table segment is damaged.");
            var table = new ushort[64];
            for (var i = 0; i < 64; i++) table[i] = wide == 0 ? body[1 + i] : BinaryPrimitives.ReadUInt16BigEndian(body[(1 + (2 * i))..]);
            Quantisation[id] = table;
            body = body[(1 + bytes)..];
        }
    }

    private static PixelDataException Bad(string message) => new(PixelDataError.BadStream, message);
}

internal sealed class JpegComponent(byte id, int h, int v, int quantisation)
{
    public byte Id { get; } = id;

    public int H { get; } = h;

    public int V { get; } = v;

    public int Quantisation { get; } = quantisation;

    public int DcTable { get; set; }

    public int AcTable { get; set; }
}
