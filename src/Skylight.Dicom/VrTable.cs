namespace Skylight.Dicom;

/// <summary>The codes as constants, for switches.</summary>
internal static class VrCode
{
    public const ushort AE = 'A' << 8 | 'E', AS = 'A' << 8 | 'S', AT = 'A' << 8 | 'T', CS = 'C' << 8 | 'S', DA = 'D' << 8 | 'A', DS = 'D' << 8 | 'S';
    public const ushort DT = 'D' << 8 | 'T', FD = 'F' << 8 | 'D', FL = 'F' << 8 | 'L', IS = 'I' << 8 | 'S', LO = 'L' << 8 | 'O', LT = 'L' << 8 | 'T';
    public const ushort OB = 'O' << 8 | 'B', OD = 'O' << 8 | 'D', OF = 'O' << 8 | 'F', OL = 'O' << 8 | 'L', OV = 'O' << 8 | 'V', OW = 'O' << 8 | 'W';
    public const ushort PN = 'P' << 8 | 'N', SH = 'S' << 8 | 'H', SL = 'S' << 8 | 'L', SQ = 'S' << 8 | 'Q', SS = 'S' << 8 | 'S', ST = 'S' << 8 | 'T';
    public const ushort SV = 'S' << 8 | 'V', TM = 'T' << 8 | 'M', UC = 'U' << 8 | 'C', UI = 'U' << 8 | 'I', UL = 'U' << 8 | 'L', UN = 'U' << 8 | 'N';
    public const ushort UR = 'U' << 8 | 'R', US = 'U' << 8 | 'S', UT = 'U' << 8 | 'T', UV = 'U' << 8 | 'V';
}

/// <summary>Traits of every representation, looked up by its two letters (a byte for each of 26 x 26).</summary>
internal static class VrTable
{
    public const byte Known = 0x80, LongLength = 0x04, CharacterSet = 0x08, Text = 0x10, Multi = 0x20, Number = 0x40;

    private static readonly byte[] s_traits = Build();
    private static readonly string?[] s_names = BuildNames();

    public static byte Traits(ushort code)
    {
        var index = Index(code);
        return index < 676 ? s_traits[index] : (byte)0;
    }

    public static string Name(ushort code)
    {
        var index = Index(code);
        if (index < 676) return s_names[index] ?? new string([(char)(code >> 8), (char)(code & 0xFF)]);
        return code == 0 ? "" : "??";
    }

    public static int MaxLength(ushort code) => code switch
    {
        VrCode.AE or VrCode.CS or VrCode.DS or VrCode.SH => 16,
        VrCode.AS => 4,
        VrCode.DA => 8,
        VrCode.DT => 26,
        VrCode.IS => 12,
        VrCode.LO or VrCode.UI or VrCode.PN => 64,
        VrCode.LT => 10240,
        VrCode.ST => 1024,
        VrCode.TM => 14,
        _ => 0,
    };

    private static uint Index(ushort code)
    {
        uint a = (uint)(code >> 8) - 'A', b = (uint)(code & 0xFF) - 'A';
        return a < 26 && b < 26 ? a * 26 + b : uint.MaxValue;
    }

    private static byte[] Build()
    {
        // Low two bits: log2 of the swap unit.
        var t = new byte[676];
        Add(t, Text | Multi, "AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI");
        Add(t, Text | Multi | CharacterSet, "LO", "PN", "SH");
        Add(t, Text | CharacterSet, "LT", "ST");
        Add(t, Text | Multi | CharacterSet | LongLength, "UC");
        Add(t, Text | CharacterSet | LongLength, "UT");
        Add(t, Text | LongLength, "UR");
        Add(t, Number | 1, "AT", "SS", "US");
        Add(t, Number | 2, "FL", "SL", "UL");
        Add(t, Number | 3, "FD");
        Add(t, Number | LongLength | 3, "SV", "UV");
        Add(t, LongLength, "OB", "UN", "SQ");
        Add(t, LongLength | 1, "OW");
        Add(t, LongLength | 2, "OF", "OL");
        Add(t, LongLength | 3, "OD", "OV");
        return t;
    }

    private static void Add(byte[] table, int traits, params string[] names)
    {
        foreach (var n in names) table[Index((ushort)(n[0] << 8 | n[1]))] = (byte)(traits | Known);
    }

    private static string?[] BuildNames()
    {
        var names = new string?[676];
        for (var i = 0; i < 676; i++)
            if (s_traits[i] != 0) names[i] = new string([(char)('A' + i / 26), (char)('A' + i % 26)]);
        return names;
    }
}
