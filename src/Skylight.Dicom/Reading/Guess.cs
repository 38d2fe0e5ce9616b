using System.Buffers.Binary;

namespace Skylight.Dicom;

/// <summary>What form a dataset has, judged by the eight bytes of its first header.</summary>
internal static class Guess
{
    /// <summary>A first element of group 0002, 0004 or 0008 in any form, with a length that makes sense.</summary>
    public static bool IsPlausibleStart(ReadOnlySpan<byte> h)
    {
        var little = BinaryPrimitives.ReadUInt16LittleEndian(h);
        var big = BinaryPrimitives.ReadUInt16BigEndian(h);
        if (little is not (2 or 4 or 8 or 0x10) && big is not (2 or 4 or 8 or 0x10)) return false;
        if (IsVr(h)) return true;
        // Implicit: a first element is short, unless it is a sequence.
        return little is 2 or 4 or 8 or 0x10 && BinaryPrimitives.ReadUInt32LittleEndian(h[4..]) is < 0x10000 or ElementHeader.Undefined
            && DicomDictionary.VrOf(new DicomTag(little, BinaryPrimitives.ReadUInt16LittleEndian(h[2..]))) != Vr.UN;
    }

    /// <summary>Without any declaration.</summary>
    public static (bool Implicit, bool Big) Form(ReadOnlySpan<byte> h) => IsVr(h) ? (false, LooksBig(h)) : (true, false);

    /// <summary>With a declaration, which is believed unless the header cannot be of that form.</summary>
    public static (bool Implicit, bool Big) Form(ReadOnlySpan<byte> h, bool isImplicit, bool isBig)
    {
        if (isImplicit)
        {
            if (!IsVr(h)) return (true, false);
            // Read as a length, two letters give 16 MB and more where a first element has a few bytes; the dictionary decides.
            var tag = new DicomTag(BinaryPrimitives.ReadUInt16LittleEndian(h), BinaryPrimitives.ReadUInt16LittleEndian(h[2..]));
            var vr = new Vr((ushort)(h[4] << 8 | h[5]));
            return DicomDictionary.VrsOf(tag).Contains(vr) || tag.Element == 0 || LooksBig(h) ? (false, LooksBig(h)) : (true, false);
        }

        if (!IsVr(h))
        {
            // Explicit was declared; without letters only a sensible implicit header counts against it.
            var length = BinaryPrimitives.ReadUInt32LittleEndian(h[4..]);
            return !LooksBig(h) && h[6] == 0 && h[7] == 0 && (length == 0 || (h[4] | h[5]) != 0) ? (true, false) : (false, isBig);
        }

        return (false, isBig ? !LooksLittle(h) : LooksBig(h));
    }

    /// <summary>A group of 00xx with its bytes the big endian way round.</summary>
    private static bool LooksBig(ReadOnlySpan<byte> h) => h[0] == 0 && h[1] != 0;

    private static bool LooksLittle(ReadOnlySpan<byte> h) => h[0] != 0 && h[1] == 0;

    private static bool IsVr(ReadOnlySpan<byte> h) => new Vr((ushort)(h[4] << 8 | h[5])).IsKnown;
}
