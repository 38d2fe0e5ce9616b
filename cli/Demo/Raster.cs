using System.Numerics;

namespace Skylight.Cli.Demo;

/// <summary>A plane of samples through an anatomy: rows run to the patient's left, columns to the back, at one height.</summary>
internal sealed class Raster(int columns, int rows, float columnSpacing, float rowSpacing)
{
    public int Columns => columns;

    public int Rows => rows;

    public float[] Samples { get; } = new float[columns * rows];

    /// <summary>Paints the slice at a height, over <paramref name="background"/>.</summary>
    public void Paint(IReadOnlyList<Solid> solids, float z, float background)
    {
        Array.Fill(Samples, background);
        float left = -columns * columnSpacing / 2, front = -rows * rowSpacing / 2;
        var softness = MathF.Max(columnSpacing, rowSpacing);
        foreach (var solid in solids)
        {
            var (low, high) = solid.Bounds;
            if (z < low.Z - 1 || z > high.Z + 1) continue;
            var firstColumn = Math.Max(0, (int)((low.X - left) / columnSpacing) - 2);
            var lastColumn = Math.Min(columns - 1, (int)((high.X - left) / columnSpacing) + 2);
            var firstRow = Math.Max(0, (int)((low.Y - front) / rowSpacing) - 2);
            var lastRow = Math.Min(rows - 1, (int)((high.Y - front) / rowSpacing) + 2);
            for (var row = firstRow; row <= lastRow; row++)
            {
                var y = front + ((row + 0.5f) * rowSpacing);
                for (var column = firstColumn; column <= lastColumn; column++)
                {
                    var distance = solid.Distance(new Vector3(left + ((column + 0.5f) * columnSpacing), y, z));
                    if (distance >= softness) continue;
                    ref var sample = ref Samples[(row * columns) + column];
                    sample = distance <= -softness ? solid.Value : sample + ((solid.Value - sample) * 0.5f * (1 - (distance / softness)));
                }
            }
        }
    }
}
