using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>Another source with overlays burnt in at full brightness, before resampling, so that thin lines fade but do not vanish.</summary>
internal readonly ref struct OverlayRows<T>(T inner, IReadOnlyList<OverlayPlane> planes, ReadOnlySpan<byte> stored, PixelLayout layout, int samples) : IRowSource
    where T : IRowSource, allows ref struct
{
    private readonly T _inner = inner;
    private readonly ReadOnlySpan<byte> _stored = stored;

    public void Fill(int y, Span<float> row)
    {
        _inner.Fill(y, row);
        foreach (var plane in planes)
        {
            var line = y - plane.Top;
            if (line < 0 || line >= plane.Rows) continue;
            var first = Math.Max(0, -plane.Left);
            var last = Math.Min(plane.Columns, layout.Columns - plane.Left);
            for (var x = first; x < last; x++)
            {
                if (!(plane.EmbeddedBit is { } bit ? Embedded(y, plane.Left + x, bit) : plane.IsSet(line, x))) continue;
                for (var s = 0; s < samples; s++) row[(s * layout.Columns) + plane.Left + x] = 255;
            }
        }
    }

    private bool Embedded(int y, int x, int bit)
    {
        var at = (y * layout.Columns) + x;
        var pattern = layout.BytesPerSample == 1 ? _stored[at] : MemoryMarshal.Cast<byte, ushort>(_stored)[at];
        return (pattern >> bit & 1) != 0;
    }
}
