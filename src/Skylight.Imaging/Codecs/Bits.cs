using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs;

/// <summary>1-bit pixels, least significant bit first (PS3.5 8.1.1), to one byte a pixel.</summary>
internal static class Bits
{
    /// <summary>Eight pixels of each byte.</summary>
    private static readonly ulong[] s_eight = MakeEight();

    /// <param name="bitOffset">First bit in <paramref name="source"/>, which has all bits that are needed.</param>
    public static void Expand(ReadOnlySpan<byte> source, int bitOffset, Span<byte> destination)
    {
        source = source[(bitOffset >> 3)..];
        var shift = bitOffset & 7;
        var i = 0;
        for (; i + 8 <= destination.Length; i += 8)
        {
            int bits = source[i >> 3] >> shift;
            if (shift > 0) bits |= source[(i >> 3) + 1] << (8 - shift);
            BinaryPrimitives.WriteUInt64LittleEndian(destination[i..], s_eight[bits & 0xFF]);
        }

        for (; i < destination.Length; i++) destination[i] = (byte)((source[(i + shift) >> 3] >> ((i + shift) & 7)) & 1);
    }

    private static ulong[] MakeEight()
    {
        var table = new ulong[256];
        for (var b = 0; b < 256; b++)
            for (var k = 0; k < 8; k++) table[b] |= (ulong)(b >> k & 1) << (8 * k);
        return table;
    }
}
