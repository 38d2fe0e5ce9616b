using System.Numerics;

namespace Skylight.Cli.Demo;

/// <summary>
/// Numbers that follow from a seed alone (SplitMix64), so that the same seed makes the same files on every machine and .NET version.
/// For synthetic data only.
/// </summary>
internal sealed class SeededNoise(ulong seed)
{
    private ulong _state = seed;
    private double _spare = double.NaN;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Evenly in [0, 1).</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Evenly in [from, to).</summary>
    public double Between(double from, double to) => from + (Unit() * (to - from));

    /// <summary>Normal with mean 0 and deviation 1.</summary>
    public double Normal()
    {
        if (!double.IsNaN(_spare))
        {
            var spare = _spare;
            _spare = double.NaN;
            return spare;
        }
        var radius = Math.Sqrt(-2 * Math.Log(1 - Unit()));
        var (sin, cos) = Math.SinCos(2 * Math.PI * Unit());
        _spare = radius * sin;
        return radius * cos;
    }

    /// <summary>A direction on the unit sphere.</summary>
    public Vector3 Direction() => Vector3.Normalize(new((float)Normal(), (float)Normal(), (float)Normal()));

    /// <summary>
    /// A square of noise of mean 0 and deviation 1 that wraps around: white, or with neighbours alike as a reconstruction kernel leaves it.
    /// </summary>
    /// <param name="blur">Passes of a 3 x 3 mean.</param>
    public float[] Tile(int size, int blur)
    {
        var tile = new float[size * size];
        for (var i = 0; i < tile.Length; i++) tile[i] = (float)Normal();
        for (var pass = 0; pass < blur; pass++) tile = Blur(tile, size);
        double sum = 0;
        foreach (var value in tile) sum += value * value;
        var scale = (float)(1 / Math.Sqrt(sum / tile.Length));
        for (var i = 0; i < tile.Length; i++) tile[i] *= scale;
        return tile;
    }

    private static float[] Blur(float[] tile, int size)
    {
        var result = new float[tile.Length];
        for (var y = 0; y < size; y++)
        {
            var up = (y + size - 1) % size * size;
            var down = (y + 1) % size * size;
            for (var x = 0; x < size; x++)
            {
                int left = (x + size - 1) % size, right = (x + 1) % size;
                result[(y * size) + x] = (tile[up + left] + tile[up + x] + tile[up + right] + tile[(y * size) + left] + tile[(y * size) + x] + tile[(y * size) + right]
                    + tile[down + left] + tile[down + x] + tile[down + right]) / 9;
            }
        }
        return result;
    }
}
