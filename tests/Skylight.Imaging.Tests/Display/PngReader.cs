using System.Buffers.Binary;
using System.IO.Compression;

namespace Skylight.Imaging.Tests.Display;

/// <summary>A second reading of the PNG specification, for filters 0 and 1 only.</summary>
internal static class PngReader
{
    public static byte[] Rgb(byte[] png, int width, int height)
    {
        using var data = new MemoryStream();
        for (var at = 8; at < png.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            if (png.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8)) data.Write(png.AsSpan(at + 8, length));
            at += 12 + length;
        }

        data.Position = 0;
        using var zlib = new ZLibStream(data, CompressionMode.Decompress);
        var stride = width * 3;
        var pixels = new byte[stride * height];
        var line = new byte[stride + 1];
        for (var y = 0; y < height; y++)
        {
            zlib.ReadExactly(line);
            for (var i = 0; i < stride; i++) pixels[(y * stride) + i] = (byte)(line[i + 1] + (line[0] == 1 && i >= 3 ? pixels[(y * stride) + i - 3] : 0));
        }

        return pixels;
    }
}
