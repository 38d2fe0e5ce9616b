using System.Text;

namespace Skylight.Dicom;

/// <summary>Text values: decoded first, then split and stripped (multi-byte characters may contain the bytes of "\" and "^").</summary>
internal static class DicomText
{
    private static readonly char[] s_padding = [' ', '\0'];

    /// <summary>The whole value as one text.</summary>
    public static string Read(Vr vr, ReadOnlySpan<byte> value, CharacterSet set) => IsPlain(value, out var plain)
        ? Encoding.ASCII.GetString(Strip(vr, plain))
        : Strip(vr, vr.UsesCharacterSet ? set.Decode(value, vr) : CharacterSet.Default.Decode(value, vr));

    public static string[] ReadAll(Vr vr, ReadOnlySpan<byte> value, CharacterSet set)
    {
        if (!vr.IsMultiText) return [Read(vr, value, set)];
        if (IsPlain(value, out var plain)) return Split(vr, plain);
        var text = vr.UsesCharacterSet ? set.Decode(value, vr) : CharacterSet.Default.Decode(value, vr);
        if (!text.Contains('\\', StringComparison.Ordinal)) return [Strip(vr, text)];
        var values = text.Split('\\');
        for (var i = 0; i < values.Length; i++) values[i] = Strip(vr, values[i]);
        return values;
    }

    /// <summary>
    /// Letters of ISO 646 alone, which every character set has in common, without padding at the end: most values are so, and need no decoding.
    /// </summary>
    public static bool IsPlain(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> plain)
    {
        plain = value.TrimEnd(" \0"u8);
        return plain.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0;
    }

    /// <summary>Leading spaces mean something in ST, LT, UT and UC only (PS3.5 6.2).</summary>
    public static ReadOnlySpan<byte> Strip(Vr vr, ReadOnlySpan<byte> plain) => KeepsLeadingSpaces(vr) ? plain.TrimEnd((byte)' ') : plain.Trim((byte)' ');

    private static string[] Split(Vr vr, ReadOnlySpan<byte> plain)
    {
        var values = new string[plain.Count((byte)'\\') + 1];
        for (var i = 0; i < values.Length - 1; i++)
        {
            var end = plain.IndexOf((byte)'\\');
            values[i] = Encoding.ASCII.GetString(Strip(vr, plain[..end]));
            plain = plain[(end + 1)..];
        }

        values[^1] = Encoding.ASCII.GetString(Strip(vr, plain));
        return values;
    }

    private static string Strip(Vr vr, string text) => KeepsLeadingSpaces(vr) ? text.TrimEnd(s_padding) : text.Trim(s_padding);

    private static bool KeepsLeadingSpaces(Vr vr) => vr.Code is VrCode.ST or VrCode.LT or VrCode.UT or VrCode.UC or VrCode.UR;
}
