using System.Globalization;

namespace Skylight.Dicom;

/// <summary>A data element tag (PS3.5 7.1): ordered by group, then element.</summary>
public readonly record struct DicomTag(ushort Group, ushort Element) : IComparable<DicomTag>
{
    /// <summary>Group in the upper, element in the lower 16 bits.</summary>
    public uint Value => (uint)Group << 16 | Element;

    /// <summary>Odd group other than the forbidden 0001…0007 and FFFF (PS3.5 7.8).</summary>
    public bool IsPrivate => (Group & 1) != 0 && Group > 8 && Group != 0xFFFF;

    /// <summary>(gggg,0010-00FF) of a private group: reserves a block of elements for its value.</summary>
    public bool IsPrivateCreator => IsPrivate && Element is >= 0x10 and <= 0xFF;

    /// <summary>(gggg,0000): retired but for groups 0000 and 0002; never part of a digest.</summary>
    public bool IsGroupLength => Element == 0;

    public static DicomTag Of(uint value) => new((ushort)(value >> 16), (ushort)value);

    /// <summary>Eight hexadecimal digits, "gggg,eeee" with or without parentheses, or a keyword of the dictionary.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DicomTag tag)
    {
        tag = default;
        var t = text.Trim();
        if (t.Length > 2 && t[0] == '(' && t[^1] == ')') t = t[1..^1];
        if (t.Length == 9 && t[4] == ','
            && ushort.TryParse(t[..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var group)
            && ushort.TryParse(t[5..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var element))
        {
            tag = new DicomTag(group, element);
            return true;
        }

        if (t.Length == 8 && uint.TryParse(t, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            tag = Of(value);
            return true;
        }

        return DicomDictionary.TryFindKeyword(t, out tag);
    }

    public int CompareTo(DicomTag other) => Value.CompareTo(other.Value);

    public static bool operator <(DicomTag left, DicomTag right) => left.Value < right.Value;

    public static bool operator >(DicomTag left, DicomTag right) => left.Value > right.Value;

    public static bool operator <=(DicomTag left, DicomTag right) => left.Value <= right.Value;

    public static bool operator >=(DicomTag left, DicomTag right) => left.Value >= right.Value;

    /// <summary>Eight upper-case hexadecimal digits, as DICOM JSON and DICOMweb write it.</summary>
    public string ToHex() => Value.ToString("X8", CultureInfo.InvariantCulture);

    /// <summary>(gggg,eeee) in upper case.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"({Group:X4},{Element:X4})");
}
