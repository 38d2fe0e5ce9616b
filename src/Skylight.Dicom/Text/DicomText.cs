namespace Skylight.Dicom;

/// <summary>Text values: decoded first, then split and stripped (multi-byte characters may contain the bytes of "\" and "^").</summary>
internal static class DicomText
{
    private static readonly char[] s_padding = [' ', '\0'];

    /// <summary>The whole value as one text.</summary>
    public static string Read(Vr vr, ReadOnlySpan<byte> value, CharacterSet set) =>
        Strip(vr, vr.UsesCharacterSet ? set.Decode(value, vr) : CharacterSet.Default.Decode(value, vr));

    public static string[] ReadAll(Vr vr, ReadOnlySpan<byte> value, CharacterSet set)
    {
        if (!vr.IsMultiText) return [Read(vr, value, set)];
        var text = vr.UsesCharacterSet ? set.Decode(value, vr) : CharacterSet.Default.Decode(value, vr);
        if (!text.Contains('\\', StringComparison.Ordinal)) return [Strip(vr, text)];
        var values = text.Split('\\');
        for (var i = 0; i < values.Length; i++) values[i] = Strip(vr, values[i]);
        return values;
    }

    /// <summary>Leading spaces mean something in ST, LT, UT and UC only (PS3.5 6.2).</summary>
    private static string Strip(Vr vr, string text) => vr.Code is VrCode.ST or VrCode.LT or VrCode.UT or VrCode.UC or VrCode.UR
        ? text.TrimEnd(s_padding)
        : text.Trim(s_padding);
}
