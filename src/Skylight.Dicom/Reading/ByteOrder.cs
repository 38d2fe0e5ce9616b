using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Skylight.Dicom;

internal static class ByteOrder
{
    /// <summary>Reverses every whole unit of 2, 4 or 8 bytes in place; an incomplete last unit stays.</summary>
    public static void Swap(Span<byte> bytes, int unit)
    {
        bytes = bytes[..(bytes.Length - bytes.Length % unit)];
        switch (unit)
        {
            case 2:
                var s = MemoryMarshal.Cast<byte, ushort>(bytes);
                BinaryPrimitives.ReverseEndianness(s, s);
                break;
            case 4:
                var i = MemoryMarshal.Cast<byte, uint>(bytes);
                BinaryPrimitives.ReverseEndianness(i, i);
                break;
            case 8:
                var l = MemoryMarshal.Cast<byte, ulong>(bytes);
                BinaryPrimitives.ReverseEndianness(l, l);
                break;
        }
    }
}
