using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Skylight.Imaging.Display;

/// <summary>
/// Integer values of at most 16 bits through one table (grey), or three (palette): an entry for each value of the stored bits. What lies above or below
/// the stored bits (overlays, junk) is masked off.
/// </summary>
internal readonly ref struct TableRows(ReadOnlySpan<byte> stored, int columns, int bytes, int shift, float[][] tables) : IRowSource
{
    private readonly ReadOnlySpan<byte> _stored = stored;

    public void Fill(int y, Span<float> row)
    {
        for (var s = 0; s < tables.Length; s++)
        {
            var to = row.Slice(s * columns, columns);
            if (bytes == 1) Look(_stored.Slice(y * columns, columns), tables[s], to);
            else Look(MemoryMarshal.Cast<byte, ushort>(_stored.Slice(y * columns * 2, columns * 2)), tables[s], to);
        }
    }

    private void Look(ReadOnlySpan<byte> from, float[] table, Span<float> to)
    {
        // Tables have a power of two of entries, so the mask is the bounds check.
        ref var first = ref MemoryMarshal.GetArrayDataReference(table);
        var mask = (uint)table.Length - 1;
        for (var x = 0; x < to.Length && x < from.Length; x++) to[x] = Unsafe.Add(ref first, ((uint)from[x] >> shift) & mask);
    }

    private void Look(ReadOnlySpan<ushort> from, float[] table, Span<float> to)
    {
        ref var first = ref MemoryMarshal.GetArrayDataReference(table);
        var mask = (uint)table.Length - 1;
        var x = 0;
        for (; x + 4 <= to.Length && x + 4 <= from.Length; x += 4)
        {
            to[x] = Unsafe.Add(ref first, ((uint)from[x] >> shift) & mask);
            to[x + 1] = Unsafe.Add(ref first, ((uint)from[x + 1] >> shift) & mask);
            to[x + 2] = Unsafe.Add(ref first, ((uint)from[x + 2] >> shift) & mask);
            to[x + 3] = Unsafe.Add(ref first, ((uint)from[x + 3] >> shift) & mask);
        }

        for (; x < to.Length && x < from.Length; x++) to[x] = Unsafe.Add(ref first, ((uint)from[x] >> shift) & mask);
    }
}
