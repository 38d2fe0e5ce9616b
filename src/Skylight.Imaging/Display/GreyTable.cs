namespace Skylight.Imaging.Display;

/// <summary>The whole grey-scale pipeline as one table from stored values to 0 … 255.</summary>
internal static class GreyTable
{
    public static float[] Of(ReadOnlySpan<byte> stored, StoredValues values, DisplaySettings settings, RenderOptions options)
    {
        var window = options.Window ?? (settings.Windows is [var first, ..] ? first : settings.VoiLut is not null ? null : Spread(stored, values, settings));
        var table = new float[values.Count];
        for (var p = 0; p < table.Length; p++)
        {
            var value = values[p];
            if (settings.IsPadding(value)) continue;
            var shown = Voi(settings, window, Modality(settings, value));
            table[p] = (float)Math.Round(255 * settings.Present(shown));
        }

        return table;
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
    private static VoiWindow Spread(ReadOnlySpan<byte> stored, StoredValues values, DisplaySettings settings)
    {
        var seen = values.Seen(stored);
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        for (var p = 0; p < seen.Length; p++)
        {
            if (!seen[p] || settings.IsPadding(values[p])) continue;
            var shown = Modality(settings, values[p]);
            low = Math.Min(low, shown);
            high = Math.Max(high, shown);
        }

        return VoiWindow.Spanning(low, high);
    }
}
