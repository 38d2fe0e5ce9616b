using System.Buffers.Binary;
using System.Numerics;

namespace Skylight.Local.Journal;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes at a time by the processor's own instruction.</summary>
internal static class Crc32C
{
    /// <summary>Continues a checksum; begin with 0.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        var crc = ~checksum;
        for (; bytes.Length >= 8; bytes = bytes[8..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
