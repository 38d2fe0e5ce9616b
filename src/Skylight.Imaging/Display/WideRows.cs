using System.Buffers.Binary;

namespace Skylight.Imaging.Display;

/// <summary>32- and 64-bit integers and floating-point values: no table, each value computed.</summary>
internal readonly ref struct WideRows(ReadOnlySpan<byte> stored, PixelLayout layout, DisplaySettings settings, VoiWindow window) : IRowSource
{
    private readonly ReadOnlySpan<byte> _stored = stored;

    public void Fill(int y, Span<float> row)
    {
        for (var x = 0; x < layout.Columns; x++)
        {
            var value = Read(_stored, layout, (y * layout.Columns) + x);
            if (double.IsNaN(value) || settings.IsPadding(value))
            {
                row[x] = 0;
                continue;
            }

            var shown = settings.Present(window.Map((value * settings.Slope) + settings.Intercept));
            row[x] = (float)Math.Round(255 * shown);
        }
    }

    public static double Read(ReadOnlySpan<byte> stored, PixelLayout layout, int i) => (layout.BitsAllocated, layout.Float) switch
    {
        (32, true) => BinaryPrimitives.ReadSingleLittleEndian(stored[(4 * i)..]),
        (64, true) => BinaryPrimitives.ReadDoubleLittleEndian(stored[(8 * i)..]),
        (32, false) => Masked(BinaryPrimitives.ReadUInt32LittleEndian(stored[(4 * i)..]), layout),
        _ => Masked(BinaryPrimitives.ReadUInt64LittleEndian(stored[(8 * i)..]), layout),
    };

    /// <summary>From the lowest to the highest value of the frame, padding and what is not a number left out.</summary>
    public static VoiWindow Spread(ReadOnlySpan<byte> stored, PixelLayout layout, DisplaySettings settings)
    {
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        for (var i = 0; i < layout.PixelCount; i++)
        {
            var value = Read(stored, layout, i);
            if (!double.IsFinite(value) || settings.IsPadding(value)) continue;
            value = (value * settings.Slope) + settings.Intercept;
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }

        return VoiWindow.Spanning(low, high);
    }

    private static double Masked(ulong pattern, PixelLayout layout)
    {
        var value = pattern << (63 - layout.HighBit);
        return layout.Signed ? (long)value >> (64 - layout.BitsStored) : value >> (64 - layout.BitsStored);
    }
}
