using System.Buffers.Binary;

namespace Skylight.Cli.Demo;

/// <summary>Samples as the little-endian words that files hold.</summary>
internal static class DemoPixels
{
    /// <summary>Samples with noise, offset and clamped to unsigned words.</summary>
    /// <param name="noise">A square tile of deviation 1 that is repeated over the image, from a corner of its own for each image.</param>
    public static byte[] Words(Raster raster, float[] noise, int noiseSize, int corner, Func<float, float> deviation, float offset, int most)
    {
        var bytes = new byte[raster.Samples.Length * 2];
        for (int row = 0, i = 0; row < raster.Rows; row++)
        {
            var line = (row + (corner / noiseSize)) % noiseSize * noiseSize;
            for (var column = 0; column < raster.Columns; column++, i++)
            {
                var sample = raster.Samples[i];
                var value = sample + (noise[line + ((column + corner) % noiseSize)] * deviation(sample)) + offset;
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * 2), (ushort)Math.Clamp(MathF.Round(value), 0, most));
            }
        }
        return bytes;
    }
}
