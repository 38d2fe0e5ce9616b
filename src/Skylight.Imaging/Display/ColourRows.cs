using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>Three samples a pixel to red, green and blue.</summary>
internal readonly ref struct ColourRows(ReadOnlySpan<byte> stored, PixelLayout layout) : IRowSource
{
    private readonly ReadOnlySpan<byte> _stored = stored;

    public void Fill(int y, Span<float> row)
    {
        var columns = layout.Columns;
        var a = row[..columns];
        var b = row.Slice(columns, columns);
        var c = row.Slice(2 * columns, columns);
        var bytes = layout.BytesPerSample;
        var line = _stored.Slice(y * columns * 3 * bytes, columns * 3 * bytes);
        if (bytes == 1 && layout.BitsStored == 8) Split(line, a, b, c);
        else SplitWide(line, a, b, c);
        switch (layout.Photometric)
        {
            case "YBR_FULL" or "YBR_FULL_422" or "YBR_ICT" or "YBR_RCT":
                // PS3.3 C.7.6.3.1.2, full range.
                ToRgb(a, b, c, 0, 1, 1.402f, 0.344136f, 0.714136f, 1.772f);
                break;
            case "YBR_PARTIAL_422" or "YBR_PARTIAL_420":
                ToRgb(a, b, c, 16, 1.164383f, 1.596027f, 0.391762f, 0.812968f, 2.017232f);
                break;
            default:
                break;
        }
    }

    private static void Split(ReadOnlySpan<byte> line, Span<float> a, Span<float> b, Span<float> c)
    {
        b = b[..a.Length];
        c = c[..a.Length];
        for (int x = 0, at = 0; x < a.Length && at + 2 < line.Length; x++, at += 3)
        {
            c[x] = line[at + 2];
            b[x] = line[at + 1];
            a[x] = line[at];
        }
    }

    private void SplitWide(ReadOnlySpan<byte> line, Span<float> a, Span<float> b, Span<float> c)
    {
        var scale = 255f / ((1L << layout.BitsStored) - 1);
        var shift = layout.HighBit + 1 - layout.BitsStored;
        var mask = (uint)((1L << layout.BitsStored) - 1);
        for (var x = 0; x < a.Length; x++)
        {
            a[x] = MathF.Round(scale * ((Sample(line, 3 * x) >> shift) & mask));
            b[x] = MathF.Round(scale * ((Sample(line, (3 * x) + 1) >> shift) & mask));
            c[x] = MathF.Round(scale * ((Sample(line, (3 * x) + 2) >> shift) & mask));
        }
    }

    private uint Sample(ReadOnlySpan<byte> line, int index) => layout.BytesPerSample switch
    {
        1 => line[index],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(line[(2 * index)..]),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(line[(4 * index)..]),
    };

    private static void ToRgb(Span<float> y, Span<float> cb, Span<float> cr, float black, float gain, float redCr, float greenCb, float greenCr, float blueCb)
    {
        var ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        var cbs = MemoryMarshal.Cast<float, Vector<float>>(cb);
        var crs = MemoryMarshal.Cast<float, Vector<float>>(cr);
        var middle = new Vector<float>(128f);
        var top = new Vector<float>(255f);
        for (var i = 0; i < ys.Length; i++)
        {
            var luma = (ys[i] - new Vector<float>(black)) * gain;
            var (b, r) = (cbs[i] - middle, crs[i] - middle);
            ys[i] = Clamped(luma + (r * redCr), top);
            cbs[i] = Clamped(luma - (b * greenCb) - (r * greenCr), top);
            crs[i] = Clamped(luma + (b * blueCb), top);
        }

        for (var i = ys.Length * Vector<float>.Count; i < y.Length; i++)
        {
            var luma = (y[i] - black) * gain;
            var (b, r) = (cb[i] - 128, cr[i] - 128);
            y[i] = Math.Clamp(MathF.Round(luma + (r * redCr)), 0, 255);
            cb[i] = Math.Clamp(MathF.Round(luma - (b * greenCb) - (r * greenCr)), 0, 255);
            cr[i] = Math.Clamp(MathF.Round(luma + (b * blueCb)), 0, 255);
        }
    }

    private static Vector<float> Clamped(Vector<float> value, Vector<float> top) => Vector.Min(Vector.Max(Vector.Round(value), Vector<float>.Zero), top);
}
