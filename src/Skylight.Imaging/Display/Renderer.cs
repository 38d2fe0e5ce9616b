using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>Stored values to display values (PS3.4 N.2): modality, VOI, presentation, or the colour path, then overlays and resampling.</summary>
public static class Renderer
{
    /// <param name="stored">A frame as <see cref="FrameCodec"/> gives it.</param>
    /// <exception cref="PixelDataException">Colour of a layout that is not shown, or a region outside of the frame.</exception>
    public static RenderedFrame Render(ReadOnlySpan<byte> stored, PixelLayout layout, DisplaySettings settings, RenderOptions options)
    {
        if (stored.Length < layout.FrameBytes) throw new ArgumentException("Fewer bytes than a frame has.", nameof(stored));
        stored = stored[..layout.FrameBytes];
        var geometry = RenderGeometry.Of(layout, options);
        var overlays = options.Overlays ? settings.Overlays : [];
        if (layout.SamplesPerPixel == 3 && layout.BitsAllocated is 8 or 16 or 32) return Draw(new ColourRows(stored, layout), 3, stored, layout, overlays, geometry);
        if (layout.SamplesPerPixel != 1) throw new PixelDataException(PixelDataError.Unsupported, $"Colour of {layout.SamplesPerPixel} samples of {layout.BitsAllocated} bit is not shown.");
        if (layout.BitsAllocated > 16 || layout.Float)
        {
            var window = options.Window ?? (settings.Windows is [var first, ..] ? first : WideRows.Spread(stored, layout, settings));
            return Draw(new WideRows(stored, layout, settings, window), 1, stored, layout, overlays, geometry);
        }

        var values = new StoredValues(layout);
        var grey = settings.Palette is null || settings.PaletteIsSupplemental ? GreyTable.Of(stored, values, settings, options) : [];
        float[][] tables = settings.Palette is { } palette ? PaletteTables(palette, values, grey) : [grey];
        return Draw(new TableRows(stored, layout.Columns, layout.BytesPerSample, values.Shift, tables), tables.Length, stored, layout, overlays, geometry);
    }

    private static RenderedFrame Draw<T>(
        T rows, int samples, ReadOnlySpan<byte> stored, PixelLayout layout, IReadOnlyList<OverlayPlane> overlays, RenderGeometry geometry)
        where T : IRowSource, allows ref struct
    {
        var pixels = new byte[checked(geometry.ToWidth * geometry.ToHeight * samples)];
        if (overlays.Count == 0) Resampler.Resample(rows, samples, geometry, pixels);
        else Resampler.Resample(new OverlayRows<T>(rows, overlays, stored, layout, samples), samples, geometry, pixels);
        return new RenderedFrame(geometry.ToWidth, geometry.ToHeight, samples, pixels);
    }

    private static float[][] PaletteTables((LookupTable Red, LookupTable Green, LookupTable Blue) palette, StoredValues values, float[] grey)
    {
        return [Of(palette.Red), Of(palette.Green), Of(palette.Blue)];

        float[] Of(LookupTable channel)
        {
            var table = new float[values.Count];
            for (var p = 0; p < table.Length; p++)
            {
                var value = values[p];
                table[p] = grey.Length > 0 && value < channel.FirstMapped ? grey[p] : channel[value] >> 8;
            }

            return table;
        }
    }
}

/// <summary>The values that the stored bits of a sample of at most 16 bits can have.</summary>
internal readonly record struct StoredValues(int Bits, int Shift, bool Signed, int Bytes)
{
    public StoredValues(PixelLayout layout)
        : this(layout.BitsAllocated == 1 ? 1 : layout.BitsStored, layout.BitsAllocated == 1 ? 0 : layout.HighBit + 1 - layout.BitsStored, layout.Signed && layout.BitsAllocated > 1, layout.BytesPerSample)
    {
    }

    public int Count => 1 << Bits;

    /// <summary>The value of a pattern of the stored bits.</summary>
    public int this[int pattern] => Signed ? (pattern << (32 - Bits)) >> (32 - Bits) : pattern;

    /// <summary>Which patterns occur in a frame.</summary>
    public bool[] Seen(ReadOnlySpan<byte> stored)
    {
        var seen = new bool[Count];
        var mask = Count - 1;
        if (Bytes == 1) foreach (var p in stored) seen[(p >> Shift) & mask] = true;
        else foreach (var p in MemoryMarshal.Cast<byte, ushort>(stored)) seen[(p >> Shift) & mask] = true;
        return seen;
    }
}
