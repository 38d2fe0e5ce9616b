using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>How to show a frame.</summary>
public sealed record RenderOptions
{
    /// <summary>Overrides the dataset's windows.</summary>
    public VoiWindow? Window { get; init; }

    /// <summary>Box that the picture must fit in, aspect ratio kept; 0: as large as the frame.</summary>
    public int MaxWidth { get; init; }

    public int MaxHeight { get; init; }

    /// <summary>May a small frame be enlarged to the box?</summary>
    public bool Enlarge { get; init; } = true;
}

/// <summary>8-bit grey (1 sample) or RGB (3 samples) pixels, rows without padding.</summary>
public sealed record RenderedFrame(int Width, int Height, int Samples, byte[] Pixels)
{
    public byte[] ToPng() => Png.Encode(Pixels, Width, Height, Samples, 8);

    /// <param name="quality">1 to 100.</param>
    public byte[] ToJpeg(int quality = 85) => Codecs.Native.TurboJpeg.Encode(Pixels, Width, Height, Samples, quality);
}

/// <summary>Stored values to display values (PS3.4 N.2): modality, VOI, presentation, or the colour path, then resampling.</summary>
public static class Renderer
{
    private const int MaxOutput = 16384;

    /// <param name="stored">A frame as <see cref="FrameCodec"/> gives it.</param>
    public static RenderedFrame Render(ReadOnlySpan<byte> stored, PixelLayout layout, DisplaySettings settings, RenderOptions options)
    {
        if (stored.Length < layout.FrameBytes) throw new ArgumentException("Fewer bytes than a frame has.", nameof(stored));
        var (width, height) = Fit(layout, options);
        var bytes = stored[..layout.FrameBytes].ToArray();
        var samples = layout.SamplesPerPixel == 1 && settings.Palette is null ? 1 : 3;
        var rows = samples == 1 ? Grey(bytes, layout, settings, options) : Colour(bytes, layout, settings);
        var pixels = new byte[width * height * samples];
        if (width == layout.Columns && height == layout.Rows)
        {
            var line = new float[width * samples];
            for (var y = 0; y < height; y++)
            {
                rows(y, line);
                for (var i = 0; i < line.Length; i++) pixels[(y * line.Length) + i] = (byte)line[i];
            }
        }
        else
        {
            Resampler.Resample(rows, layout.Columns, layout.Rows, samples, width, height, pixels);
        }

        return new RenderedFrame(width, height, samples, pixels);
    }

    private static (int Width, int Height) Fit(PixelLayout layout, RenderOptions options)
    {
        var scale = Math.Min(options.MaxWidth > 0 ? (double)options.MaxWidth / layout.Columns : double.MaxValue, options.MaxHeight > 0 ? (double)options.MaxHeight / layout.Rows : double.MaxValue);
        if (scale == double.MaxValue || (scale > 1 && !options.Enlarge)) scale = 1;
        var width = (int)Math.Clamp(Math.Round(layout.Columns * scale), 1, MaxOutput);
        var height = (int)Math.Clamp(Math.Round(layout.Rows * scale), 1, MaxOutput);
        return (width, height);
    }

    private static Resampler.RowSource Grey(byte[] stored, PixelLayout layout, DisplaySettings settings, RenderOptions options)
    {
        if (layout.BitsAllocated > 16 || layout.Float) return GreyWide(stored, layout, settings, options);
        var bits = layout.BitsAllocated == 1 ? 1 : layout.BitsStored;
        var shift = layout.BitsAllocated == 1 ? 0 : layout.HighBit + 1 - layout.BitsStored;
        var window = options.Window ?? (settings.Windows is [var first, ..] ? first : settings.VoiLut is not null ? null : Spread(stored, layout, settings, bits, shift));
        // One table over all allocated patterns: what lies above or below the stored bits (overlays, junk) is masked off here.
        var patterns = layout.BytesPerSample == 1 ? 256 : 65536;
        var table = new float[patterns];
        for (var p = 0; p < patterns; p++)
        {
            var value = Value(p, bits, shift, layout.Signed);
            if (settings.Padding is { } padding && value >= padding.Low && value <= padding.High)
            {
                table[p] = 0;
                continue;
            }

            var shown = Voi(settings, window, Modality(settings, value));
            table[p] = (float)Math.Round(255 * (settings.Invert ? 1 - shown : shown));
        }

        var columns = layout.Columns;
        if (patterns == 256)
        {
            return (y, row) =>
            {
                var line = stored.AsSpan(y * columns, columns);
                for (var x = 0; x < line.Length; x++) row[x] = table[line[x]];
            };
        }

        return (y, row) =>
        {
            var line = MemoryMarshal.Cast<byte, ushort>(stored.AsSpan(y * columns * 2, columns * 2));
            for (var x = 0; x < line.Length; x++) row[x] = table[line[x]];
        };
    }

    /// <summary>32-bit integers and floats: no table, each value computed.</summary>
    private static Resampler.RowSource GreyWide(byte[] stored, PixelLayout layout, DisplaySettings settings, RenderOptions options)
    {
        double Read(int i) => (layout.BitsAllocated, layout.Float) switch
        {
            (32, true) => BinaryPrimitives.ReadSingleLittleEndian(stored.AsSpan(4 * i)),
            (64, true) => BinaryPrimitives.ReadDoubleLittleEndian(stored.AsSpan(8 * i)),
            (32, false) => layout.Signed ? BinaryPrimitives.ReadInt32LittleEndian(stored.AsSpan(4 * i)) : BinaryPrimitives.ReadUInt32LittleEndian(stored.AsSpan(4 * i)),
            _ => layout.Signed ? BinaryPrimitives.ReadInt64LittleEndian(stored.AsSpan(8 * i)) : BinaryPrimitives.ReadUInt64LittleEndian(stored.AsSpan(8 * i)),
        };

        double Rescaled(int i) => (Read(i) * settings.Slope) + settings.Intercept;
        var window = options.Window ?? (settings.Windows is [var first, ..] ? first : (VoiWindow?)null);
        if (window is null)
        {
            var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
            for (var i = 0; i < layout.PixelCount; i++)
            {
                var value = Rescaled(i);
                if (!double.IsFinite(value)) continue;
                low = Math.Min(low, value);
                high = Math.Max(high, value);
            }

            window = high > low ? new VoiWindow((low + high) / 2, high - low, VoiFunction.LinearExact) : new VoiWindow(low, 1, VoiFunction.LinearExact);
        }

        var voi = window.Value;
        return (y, row) =>
        {
            for (var x = 0; x < layout.Columns; x++)
            {
                var value = Rescaled((y * layout.Columns) + x);
                var shown = double.IsNaN(value) ? 0 : voi.Map(value);
                row[x] = (float)Math.Round(255 * (settings.Invert ? 1 - shown : shown));
            }
        };
    }

    private static int Value(int pattern, int bits, int shift, bool signed)
    {
        var value = (pattern >> shift) & ((1 << bits) - 1);
        return signed ? (value << (32 - bits)) >> (32 - bits) : value;
    }

    private static double Modality(DisplaySettings settings, int value) =>
        settings.ModalityLut is { } lut ? lut[value] : (value * settings.Slope) + settings.Intercept;

    private static double Voi(DisplaySettings settings, VoiWindow? window, double value)
    {
        if (window is { } w) return w.Map(value);
        var lut = settings.VoiLut!;
        return lut[(int)Math.Round(value)] / (double)((1 << lut.Bits) - 1);
    }

    /// <summary>No window in the dataset: from the lowest to the highest value of the frame, padding left out.</summary>
    private static VoiWindow Spread(ReadOnlySpan<byte> stored, PixelLayout layout, DisplaySettings settings, int bits, int shift)
    {
        var seen = new bool[layout.BytesPerSample == 1 ? 256 : 65536];
        if (layout.BytesPerSample == 1) foreach (var p in stored) seen[p] = true;
        else foreach (var p in MemoryMarshal.Cast<byte, ushort>(stored)) seen[p] = true;
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        for (var p = 0; p < seen.Length; p++)
        {
            if (!seen[p]) continue;
            var value = Value(p, bits, shift, layout.Signed);
            if (settings.Padding is { } padding && value >= padding.Low && value <= padding.High) continue;
            var shown = Modality(settings, value);
            low = Math.Min(low, shown);
            high = Math.Max(high, shown);
        }

        return high > low ? new VoiWindow((low + high) / 2, high - low, VoiFunction.LinearExact) : new VoiWindow(double.IsFinite(low) ? low : 0, 1, VoiFunction.LinearExact);
    }

    private static Resampler.RowSource Colour(byte[] stored, PixelLayout layout, DisplaySettings settings)
    {
        var columns = layout.Columns;
        var bytes = layout.BytesPerSample;
        if (settings.Palette is { } palette && layout.SamplesPerPixel == 1)
        {
            return (y, row) =>
            {
                for (var x = 0; x < columns; x++)
                {
                    var at = ((y * columns) + x) * bytes;
                    var pattern = bytes == 1 ? stored[at] : BinaryPrimitives.ReadUInt16LittleEndian(stored.AsSpan(at));
                    var value = Value(pattern, layout.BitsStored, layout.HighBit + 1 - layout.BitsStored, layout.Signed);
                    row[3 * x] = palette.Red[value] >> 8;
                    row[(3 * x) + 1] = palette.Green[value] >> 8;
                    row[(3 * x) + 2] = palette.Blue[value] >> 8;
                }
            };
        }

        if (layout.SamplesPerPixel != 3 || layout.BitsAllocated is not (8 or 16 or 32)) throw new PixelDataException(PixelDataError.Unsupported, $"Colour of {layout.SamplesPerPixel} samples of {layout.BitsAllocated} bit is not shown.");
        var full = layout.Photometric is "YBR_FULL" or "YBR_FULL_422" or "YBR_ICT" or "YBR_RCT";
        var partial = layout.Photometric is "YBR_PARTIAL_422" or "YBR_PARTIAL_420";
        var scale = 255f / ((1L << layout.BitsStored) - 1);
        return (y, row) =>
        {
            for (var x = 0; x < columns; x++)
            {
                var at = ((y * columns) + x) * 3;
                float a, b, c;
                if (bytes == 1) (a, b, c) = (stored[at], stored[at + 1], stored[at + 2]);
                else (a, b, c) = (scale * Sample(stored, at, bytes), scale * Sample(stored, at + 1, bytes), scale * Sample(stored, at + 2, bytes));

                if (full) (a, b, c) = (a + (1.402f * (c - 128)), a - (0.344136f * (b - 128)) - (0.714136f * (c - 128)), a + (1.772f * (b - 128)));
                else if (partial) (a, b, c) = (1.164383f * (a - 16) + (1.596027f * (c - 128)), (1.164383f * (a - 16)) - (0.391762f * (b - 128)) - (0.812968f * (c - 128)), (1.164383f * (a - 16)) + (2.017232f * (b - 128)));
                row[3 * x] = Math.Clamp(MathF.Round(a), 0, 255);
                row[(3 * x) + 1] = Math.Clamp(MathF.Round(b), 0, 255);
                row[(3 * x) + 2] = Math.Clamp(MathF.Round(c), 0, 255);
            }
        };
    }

    private static uint Sample(byte[] stored, int index, int bytes) =>
        bytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(stored.AsSpan(2 * index)) : BinaryPrimitives.ReadUInt32LittleEndian(stored.AsSpan(4 * index));
}
