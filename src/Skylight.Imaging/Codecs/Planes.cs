using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Skylight.Imaging.Codecs;

/// <summary>Colour by plane to colour by pixel, and byte planes to words.</summary>
internal static class Planes
{
    /// <summary>For each of three output vectors and each of three planes: which byte of the plane goes where; 255 where another plane's does.</summary>
    private static readonly Vector128<byte>[] s_three = MakeThree();

    public static void Interleave(ReadOnlySpan<byte> planes, Span<byte> pixels, int pixelCount, int samples, int bytes)
    {
        planes = planes[..(pixelCount * samples * bytes)];
        pixels = pixels[..planes.Length];
        switch (bytes)
        {
            case 1 when samples == 3:
                Three(planes, pixels, pixelCount);
                break;
            case 1:
                Each(planes, pixels, pixelCount, samples);
                break;
            case 2:
                Each(MemoryMarshal.Cast<byte, ushort>(planes), MemoryMarshal.Cast<byte, ushort>(pixels), pixelCount, samples);
                break;
            case 4:
                Each(MemoryMarshal.Cast<byte, uint>(planes), MemoryMarshal.Cast<byte, uint>(pixels), pixelCount, samples);
                break;
            default:
                Each(MemoryMarshal.Cast<byte, ulong>(planes), MemoryMarshal.Cast<byte, ulong>(pixels), pixelCount, samples);
                break;
        }
    }

    /// <summary>Two planes of bytes to little-endian words.</summary>
    public static void Words(ReadOnlySpan<byte> high, ReadOnlySpan<byte> low, Span<byte> destination)
    {
        var words = MemoryMarshal.Cast<byte, ushort>(destination)[..low.Length];
        high = high[..low.Length];
        var i = 0;
        for (; i + 16 <= words.Length; i += 16)
        {
            var (h, l) = (Vector128.Create(high.Slice(i, 16)), Vector128.Create(low.Slice(i, 16)));
            (Vector128.WidenLower(l) | Vector128.ShiftLeft(Vector128.WidenLower(h), 8)).CopyTo(words[i..]);
            (Vector128.WidenUpper(l) | Vector128.ShiftLeft(Vector128.WidenUpper(h), 8)).CopyTo(words[(i + 8)..]);
        }

        for (; i < words.Length; i++) words[i] = (ushort)(low[i] | (high[i] << 8));
    }

    private static void Three(ReadOnlySpan<byte> planes, Span<byte> pixels, int count)
    {
        var a = planes[..count];
        var b = planes.Slice(count, count);
        var c = planes[(2 * count)..];
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var (x, y, z) = (Vector128.Create(a.Slice(i, 16)), Vector128.Create(b.Slice(i, 16)), Vector128.Create(c.Slice(i, 16)));
            for (var k = 0; k < 3; k++)
                (Vector128.Shuffle(x, s_three[3 * k]) | Vector128.Shuffle(y, s_three[(3 * k) + 1]) | Vector128.Shuffle(z, s_three[(3 * k) + 2])).CopyTo(pixels[((3 * i) + (16 * k))..]);
        }

        for (; i < count; i++) (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = (a[i], b[i], c[i]);
    }

    private static void Each<T>(ReadOnlySpan<T> planes, Span<T> pixels, int count, int samples)
    {
        for (var s = 0; s < samples; s++)
        {
            var plane = planes.Slice(s * count, count);
            for (int i = 0, at = s; i < plane.Length; i++, at += samples) pixels[at] = plane[i];
        }
    }

    private static Vector128<byte>[] MakeThree()
    {
        var shuffles = new Vector128<byte>[9];
        for (var k = 0; k < 3; k++)
        {
            for (var plane = 0; plane < 3; plane++)
            {
                var from = new byte[16];
                for (var j = 0; j < 16; j++) from[j] = (byte)(((16 * k) + j) % 3 == plane ? ((16 * k) + j) / 3 : 255);
                shuffles[(3 * k) + plane] = Vector128.Create(from);
            }
        }

        return shuffles;
    }
}
