using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>
/// Separable resampling of 8-bit pixels: area average when shrinking (every source pixel counts once, so nothing aliases away), Catmull-Rom when enlarging.
/// Rows are filtered as they are needed, so memory is a few rows whatever the source size.
/// </summary>
internal static class Resampler
{
    /// <summary>Fills <paramref name="destination"/> pixel by pixel with the shown part of the source.</summary>
    public static void Resample<T>(T source, int samples, RenderGeometry geometry, Span<byte> destination)
        where T : IRowSource, allows ref struct
    {
        if (geometry.ToWidth == geometry.Width && geometry.ToHeight == geometry.Height) Copy(source, samples, geometry, destination);
        else if (geometry.ToHeight <= geometry.Height) RowsFirst(source, samples, geometry, destination);
        else ColumnsFirst(source, samples, geometry, destination);
    }

    private static void Copy<T>(T source, int samples, RenderGeometry g, Span<byte> destination)
        where T : IRowSource, allows ref struct
    {
        var line = ArrayPool<float>.Shared.Rent(g.SourceColumns * samples);
        for (var y = 0; y < g.Height; y++)
        {
            source.Fill(g.Y + y, line.AsSpan(0, g.SourceColumns * samples));
            Store(line, g.SourceColumns, g.X, samples, g, y, destination);
        }

        ArrayPool<float>.Shared.Return(line);
    }

    /// <summary>Shrinking: rows are summed up first, whole vectors at a time, and only the sums are filtered along the row.</summary>
    private static void RowsFirst<T>(T source, int samples, RenderGeometry g, Span<byte> destination)
        where T : IRowSource, allows ref struct
    {
        var horizontal = Filter(g.Width, g.ToWidth);
        var vertical = Filter(g.Height, g.ToHeight);
        var length = g.SourceColumns * samples;
        var line = ArrayPool<float>.Shared.Rent(length);
        var sum = ArrayPool<float>.Shared.Rent(length);
        var shown = ArrayPool<float>.Shared.Rent(g.ToWidth * samples);
        var held = -1;
        for (var y = 0; y < g.ToHeight; y++)
        {
            var (first, weights) = vertical[y];
            sum.AsSpan(0, length).Clear();
            for (var k = 0; k < weights.Length; k++)
            {
                // The last row of one sum is often the first of the next.
                if (held != first + k) source.Fill(g.Y + first + k, line.AsSpan(0, length));
                held = first + k;
                AddScaled(sum.AsSpan(0, length), line.AsSpan(0, length), weights[k]);
            }

            for (var s = 0; s < samples; s++) Along(sum.AsSpan((s * g.SourceColumns) + g.X, g.Width), shown.AsSpan(s * g.ToWidth, g.ToWidth), horizontal);
            Store(shown, g.ToWidth, 0, samples, g, y, destination);
        }

        ArrayPool<float>.Shared.Return(line);
        ArrayPool<float>.Shared.Return(sum);
        ArrayPool<float>.Shared.Return(shown);
    }

    /// <summary>Enlarging: each source row is filtered once and kept while sums need it.</summary>
    private static void ColumnsFirst<T>(T source, int samples, RenderGeometry g, Span<byte> destination)
        where T : IRowSource, allows ref struct
    {
        var horizontal = Filter(g.Width, g.ToWidth);
        var vertical = Filter(g.Height, g.ToHeight);
        var line = new float[g.SourceColumns * samples];
        var window = vertical.Max(f => f.Weights.Length);
        var ring = new float[window][];
        var held = new int[window];
        Array.Fill(held, -1);
        var sum = new float[g.ToWidth * samples];
        for (var y = 0; y < g.ToHeight; y++)
        {
            Array.Clear(sum);
            var (first, weights) = vertical[y];
            for (var k = 0; k < weights.Length; k++)
            {
                var from = first + k;
                var slot = from % window;
                if (held[slot] != from)
                {
                    ring[slot] ??= new float[sum.Length];
                    source.Fill(g.Y + from, line);
                    for (var s = 0; s < samples; s++) Along(line.AsSpan((s * g.SourceColumns) + g.X, g.Width), ring[slot].AsSpan(s * g.ToWidth, g.ToWidth), horizontal);
                    held[slot] = from;
                }

                AddScaled(sum, ring[slot], weights[k]);
            }

            Store(sum, g.ToWidth, 0, samples, g, y, destination);
        }
    }

    private static void Along(ReadOnlySpan<float> from, Span<float> to, (int First, float[] Weights)[] filter)
    {
        for (var x = 0; x < to.Length; x++)
        {
            var (first, weights) = filter[x];
            var part = from.Slice(first, weights.Length);
            var sum = 0f;
            for (var k = 0; k < part.Length; k++) sum += part[k] * weights[k];
            to[x] = sum;
        }
    }

    private static void AddScaled(Span<float> sum, ReadOnlySpan<float> row, float weight)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(sum);
        var rows = MemoryMarshal.Cast<float, Vector<float>>(row);
        var scale = new Vector<float>(weight);
        for (var i = 0; i < vectors.Length && i < rows.Length; i++) vectors[i] += rows[i] * scale;
        for (var i = vectors.Length * Vector<float>.Count; i < sum.Length; i++) sum[i] += row[i] * weight;
    }

    /// <summary>One row of planes, rounded, to its place in the picture.</summary>
    private static void Store(ReadOnlySpan<float> planes, int stride, int first, int samples, RenderGeometry g, int y, Span<byte> destination)
    {
        var row = destination.Slice((g.MirrorY ? g.ToHeight - 1 - y : y) * g.ToWidth * samples, g.ToWidth * samples);
        for (var s = 0; s < samples; s++)
        {
            var plane = planes.Slice((s * stride) + first, g.ToWidth);
            var (at, step) = g.MirrorX ? (((g.ToWidth - 1) * samples) + s, -samples) : (s, samples);
            for (var x = 0; x < plane.Length; x++, at += step) row[at] = (byte)Math.Clamp(plane[x] + 0.5f, 0, 255);
        }
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
