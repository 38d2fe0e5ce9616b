using System.Numerics;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>
/// Separable resampling of 8-bit pixels: area average when shrinking (every source pixel counts once, so nothing aliases away), Catmull-Rom when enlarging.
/// Rows are filtered as they are needed, so memory is a few rows whatever the source size.
/// </summary>
internal static class Resampler
{
    /// <summary>Fills one source row of width x samples values 0 … 255.</summary>
    public delegate void RowSource(int y, Span<float> row);

    public static void Resample(RowSource source, int width, int height, int samples, int toWidth, int toHeight, Span<byte> destination)
    {
        var horizontal = Filter(width, toWidth);
        var vertical = Filter(height, toHeight);
        var line = new float[width * samples];
        var window = vertical.Max(f => f.Weights.Length);
        var ring = new float[window][];
        var held = new int[window];
        Array.Fill(held, -1);
        var sum = new float[toWidth * samples];
        for (var y = 0; y < toHeight; y++)
        {
            Array.Clear(sum);
            var (first, weights) = vertical[y];
            for (var k = 0; k < weights.Length; k++)
            {
                var from = first + k;
                var slot = from % window;
                if (held[slot] != from)
                {
                    ring[slot] ??= new float[toWidth * samples];
                    source(from, line);
                    Shrink(line, ring[slot], horizontal, samples);
                    held[slot] = from;
                }

                AddScaled(sum, ring[slot], weights[k]);
            }

            var row = destination.Slice(y * sum.Length, sum.Length);
            for (var i = 0; i < row.Length; i++) row[i] = (byte)Math.Clamp(sum[i] + 0.5f, 0, 255);
        }
    }

    private static void Shrink(float[] from, float[] to, (int First, float[] Weights)[] filter, int samples)
    {
        for (var x = 0; x < filter.Length; x++)
        {
            var (first, weights) = filter[x];
            if (samples == 1)
            {
                var sum = 0f;
                for (var k = 0; k < weights.Length; k++) sum += from[first + k] * weights[k];
                to[x] = sum;
                continue;
            }

            for (var s = 0; s < samples; s++)
            {
                var sum = 0f;
                for (var k = 0; k < weights.Length; k++) sum += from[((first + k) * samples) + s] * weights[k];
                to[(x * samples) + s] = sum;
            }
        }
    }

    private static void AddScaled(float[] sum, float[] row, float weight)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(sum.AsSpan());
        var rows = MemoryMarshal.Cast<float, Vector<float>>(row);
        var scale = new Vector<float>(weight);
        for (var i = 0; i < vectors.Length; i++) vectors[i] += rows[i] * scale;
        for (var i = vectors.Length * Vector<float>.Count; i < sum.Length; i++) sum[i] += row[i] * weight;
    }

    private static (int First, float[] Weights)[] Filter(int from, int to)
    {
        var filter = new (int, float[])[to];
        var scale = (double)from / to;
        for (var i = 0; i < to; i++)
        {
            if (scale >= 1)
            {
                var (start, end) = (i * scale, Math.Min((i + 1) * scale, from));
                var first = (int)start;
                var last = Math.Min((int)Math.Ceiling(end), from) - 1;
                var weights = new float[Math.Max(1, last - first + 1)];
                for (var k = 0; k < weights.Length; k++) weights[k] = (float)((Math.Min(end, first + k + 1) - Math.Max(start, first + k)) / (end - start));
                filter[i] = (first, weights);
                continue;
            }

            var centre = ((i + 0.5) * scale) - 0.5;
            var low = (int)Math.Floor(centre) - 1;
            var taps = new SortedDictionary<int, double>();
            for (var k = low; k < low + 4; k++)
            {
                var at = Math.Clamp(k, 0, from - 1);
                taps[at] = taps.GetValueOrDefault(at) + CatmullRom(Math.Abs(centre - k));
            }

            var total = taps.Values.Sum();
            filter[i] = (taps.Keys.First(), [.. taps.Values.Select(v => (float)(v / total))]);
        }

        return filter;
    }

    private static double CatmullRom(double x) =>
        x < 1 ? (((1.5 * x) - 2.5) * x * x) + 1 : x < 2 ? ((((-0.5 * x) + 2.5) * x) - 4) * x + 2 : 0;
}
