using System.Buffers.Binary;
using System.IO.Compression;

namespace Skylight.Imaging.Display;

/// <summary>PNG (ISO/IEC 15948) of 8-bit grey or RGB and 16-bit grey pixels, "sub" filter, zlib by the framework.</summary>
public static class Png
{
    private static readonly uint[] CrcTable = MakeCrcTable();

    /// <param name="pixels">Rows without padding; 16-bit samples little endian.</param>
    public static byte[] Encode(ReadOnlySpan<byte> pixels, int width, int height, int samples, int bits)
    {
        if (samples is not (1 or 3) || bits is not (8 or 16)) throw new ArgumentOutOfRangeException(nameof(samples), "PNG is written of 1 or 3 samples of 8 or 16 bits.");
        var bytes = samples * bits / 8;
        var stride = width * bytes;
        if (pixels.Length < (long)stride * height) throw new ArgumentException("Fewer pixels than width x height x samples.", nameof(pixels));
        using var output = new MemoryStream();
        output.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = (byte)bits;
        header[9] = (byte)(samples == 1 ? 0 : 2);
        Chunk(output, "IHDR"u8, header);
        using var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            var line = new byte[stride + 1];
            var row = new byte[stride];
            for (var y = 0; y < height; y++)
            {
                pixels.Slice(y * stride, stride).CopyTo(row);
                if (bits == 16) for (var i = 0; i < stride; i += 2) (row[i], row[i + 1]) = (row[i + 1], row[i]);
                line[0] = 1;
                for (var i = 0; i < stride; i++) line[i + 1] = (byte)(row[i] - (i >= bytes ? row[i - bytes] : 0));
                zlib.Write(line);
            }
        }

        Chunk(output, "IDAT"u8, data.GetBuffer().AsSpan(0, (int)data.Length));
        Chunk(output, "IEND"u8, []);
        return output.ToArray();
    }

    private static void Chunk(MemoryStream output, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        output.Write(word);
        output.Write(type);
        output.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, ~Crc(Crc(uint.MaxValue, type), data));
        output.Write(word);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var b in data) crc = CrcTable[(crc ^ b) & 0xFF] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            var c = n;
            for (var k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[n] = c;
        }

        return table;
    }
}
