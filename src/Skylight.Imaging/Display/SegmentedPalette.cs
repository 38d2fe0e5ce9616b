using System.Buffers.Binary;

namespace Skylight.Imaging.Display;

/// <summary>Segmented palette data (PS3.3 C.7.9.2): discrete and linear segments, and indirect ones that repeat earlier ones at another height.</summary>
internal static class SegmentedPalette
{
    /// <summary>Expands to <paramref name="count"/> entries; null where the segments are damaged or do not fill the table.</summary>
    /// <param name="wide">16-bit segments; 8-bit ones otherwise.</param>
    public static ushort[]? Expand(ReadOnlySpan<byte> data, int count, bool wide)
    {
        var input = Units(data, wide);
        var table = new ushort[count];
        var filled = 0;
        // Offsets of indirect segments count bytes of the data.
        return Segments(input, 0, int.MaxValue, wide ? 2 : 1, table, ref filled, nested: false) && filled == count ? table : null;
    }

    private static ushort[] Units(ReadOnlySpan<byte> data, bool wide)
    {
        var units = new ushort[wide ? data.Length / 2 : data.Length];
        for (var i = 0; i < units.Length; i++) units[i] = wide ? BinaryPrimitives.ReadUInt16LittleEndian(data[(2 * i)..]) : data[i];
        return units;
    }

    private static bool Segments(ReadOnlySpan<ushort> input, int at, int limit, int unitBytes, Span<ushort> table, ref int filled, bool nested)
    {
        for (var n = 0; n < limit && filled < table.Length; n++)
        {
            if (at + 2 > input.Length) return !nested;
            var (kind, length) = (input[at], input[at + 1]);
            at += 2;
            switch (kind)
            {
                case 0:
                    if (at + length > input.Length || filled + length > table.Length) return false;
                    input.Slice(at, length).CopyTo(table[filled..]);
                    filled += length;
                    at += length;
                    break;
                case 1:
                    if (at >= input.Length || filled == 0 || filled + length > table.Length) return false;
                    Linear(table, ref filled, length, input[at++]);
                    break;
                case 2:
                    // Copies `length` segments that begin at a byte offset, low word first; copies of copies are not allowed.
                    var words = unitBytes == 2 ? 2 : 4;
                    if (nested || at + words > input.Length) return false;
                    long offset = 0;
                    for (var i = words - 1; i >= 0; i--) offset = (offset << (8 * unitBytes)) | input[at + i];
                    at += words;
                    if (offset / unitBytes >= input.Length || !Segments(input, (int)(offset / unitBytes), length, unitBytes, table, ref filled, nested: true)) return false;
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static void Linear(Span<ushort> table, ref int filled, int length, int end)
    {
        int start = table[filled - 1];
        for (var i = 1; i <= length; i++) table[filled++] = (ushort)Math.Round(start + ((double)(end - start) * i / length));
    }
}
