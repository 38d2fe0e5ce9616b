namespace Skylight.Dicom;

/// <summary>A value representation (PS3.5 6.2): its two letters, first letter in the upper byte.</summary>
public readonly record struct Vr(ushort Code)
{
    public static Vr AE => new(VrCode.AE);
    public static Vr AS => new(VrCode.AS);
    public static Vr AT => new(VrCode.AT);
    public static Vr CS => new(VrCode.CS);
    public static Vr DA => new(VrCode.DA);
    public static Vr DS => new(VrCode.DS);
    public static Vr DT => new(VrCode.DT);
    public static Vr FD => new(VrCode.FD);
    public static Vr FL => new(VrCode.FL);
    public static Vr IS => new(VrCode.IS);
    public static Vr LO => new(VrCode.LO);
    public static Vr LT => new(VrCode.LT);
    public static Vr OB => new(VrCode.OB);
    public static Vr OD => new(VrCode.OD);
    public static Vr OF => new(VrCode.OF);
    public static Vr OL => new(VrCode.OL);
    public static Vr OV => new(VrCode.OV);
    public static Vr OW => new(VrCode.OW);
    public static Vr PN => new(VrCode.PN);
    public static Vr SH => new(VrCode.SH);
    public static Vr SL => new(VrCode.SL);
    public static Vr SQ => new(VrCode.SQ);
    public static Vr SS => new(VrCode.SS);
    public static Vr ST => new(VrCode.ST);
    public static Vr SV => new(VrCode.SV);
    public static Vr TM => new(VrCode.TM);
    public static Vr UC => new(VrCode.UC);
    public static Vr UI => new(VrCode.UI);
    public static Vr UL => new(VrCode.UL);
    public static Vr UN => new(VrCode.UN);
    public static Vr UR => new(VrCode.UR);
    public static Vr US => new(VrCode.US);
    public static Vr UT => new(VrCode.UT);
    public static Vr UV => new(VrCode.UV);

    /// <summary>One of the 34 representations of the standard.</summary>
    public bool IsKnown => VrTable.Traits(Code) != 0;

    /// <summary>Explicit VR writes two reserved bytes and a 32-bit length (PS3.5 7.1.2); so do representations still to come.</summary>
    public bool HasLongLength => (VrTable.Traits(Code) & VrTable.LongLength) != 0 || !IsKnown;

    /// <summary>Text whose bytes follow (0008,0005): LO LT PN SH ST UC UT.</summary>
    public bool UsesCharacterSet => (VrTable.Traits(Code) & VrTable.CharacterSet) != 0;

    /// <summary>Text of any kind.</summary>
    public bool IsText => (VrTable.Traits(Code) & VrTable.Text) != 0;

    /// <summary>Values are separated by backslash.</summary>
    public bool IsMultiText => (VrTable.Traits(Code) & VrTable.Multi) != 0;

    /// <summary>Numbers in binary with a fixed size (US, FD, AT …).</summary>
    public bool IsBinaryNumber => (VrTable.Traits(Code) & VrTable.Number) != 0;

    /// <summary>OB OD OF OL OV OW UN: opaque or bulk.</summary>
    public bool IsBytes => (VrTable.Traits(Code) & (VrTable.Known | VrTable.LongLength | VrTable.Text | VrTable.Number)) == (VrTable.Known | VrTable.LongLength) && Code != VrCode.SQ;

    /// <summary>Bytes that change places between little and big endian: 1 (none), 2, 4 or 8.</summary>
    public int SwapUnit => 1 << (VrTable.Traits(Code) & 3);

    /// <summary>Bytes of one value of a binary number; 1 for text and bytes.</summary>
    public int ValueSize => Code == VrCode.AT ? 4 : IsBinaryNumber ? SwapUnit : 1;

    /// <summary>Longest single value in characters (bytes for AE, CS, UI and the like), 0 for no limit (PS3.5 table 6.2-1).</summary>
    public int MaxLength => VrTable.MaxLength(Code);

    /// <summary>What fills an odd length: 0x00 for UI and bytes, a space for other text.</summary>
    public byte Padding => IsText && Code != VrCode.UI ? (byte)' ' : (byte)0;

    /// <summary>False for anything but two ASCII letters.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Vr vr)
    {
        vr = text.Length == 2 && text[0] < 128 && text[1] < 128 ? new Vr((ushort)(text[0] << 8 | text[1])) : default;
        return vr.IsKnown;
    }

    public override string ToString() => VrTable.Name(Code);
}
