using System.Text;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>Character sets: any bytes under any declaration give text of bounded length; text without gaps comes back from its own encoding.</summary>
public sealed class CharacterSetTarget : FuzzTarget
{
    private static readonly string[] s_sets =
    [
        "", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 148", "ISO_IR 203", "ISO_IR 144", "ISO_IR 127", "ISO_IR 126", "ISO_IR 138", "ISO_IR 166", "ISO_IR 13", "ISO_IR 192", "GB18030", "GBK",
        @"\ISO 2022 IR 87", @"ISO 2022 IR 13\ISO 2022 IR 87", @"\ISO 2022 IR 87\ISO 2022 IR 159", @"\ISO 2022 IR 149", @"\ISO 2022 IR 58", @"ISO 2022 IR 100\ISO 2022 IR 144\ISO 2022 IR 126", @"ISO_IR 192\GBK", "UTF-8", "LATIN1", "??",
    ];

    private static readonly Vr[] s_vrs = [Vr.PN, Vr.LO, Vr.LT, Vr.UC];

    public override string Name => "charset";

    // The first byte chooses the set, the second the representation.
    public override IReadOnlyList<byte[]> Seeds { get; } =
        [.. Enumerable.Range(0, s_sets.Length).Select(i => (byte[])[(byte)i, (byte)i, .. Encoding.Latin1.GetBytes("Wang^Li="), 0xCD, 0xF5, 0x1B, 0x24, 0x42, 0x3B, 0x33, 0x1B, 0x28, 0x42, (byte)'\\', 0xD0, 0xA1])];

    public override IReadOnlyList<byte[]> Tokens { get; } =
        [.. ((string[])["\u001b$B", "\u001b(B", "\u001b(J", "\u001b)I", "\u001b$)C", "\u001b$)A", "\u001b$(D", "\u001b-A", "\u001b-B", "\u001b-F", "\u001b-G", "\u001b-H", "\u001b-L", "\u001b-M", "\u001b-T", "\u001b", "^", "=", "\\", "\r\n", "\u001b%G"]).Select(Encoding.Latin1.GetBytes), [0x81, 0x30, 0x81, 0x30], [0x84, 0x31, 0xA4, 0x37], [0xFF], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]];

    public override bool Expects(Exception error) => false;

    public override long Run(byte[] input, Random random)
    {
        if (input.Length < 2) return 0;
        var set = CharacterSet.Of(CharacterSet.Terms(Encoding.Latin1.GetBytes(s_sets[input[0] % s_sets.Length])));
        var vr = s_vrs[input[1] % s_vrs.Length];
        var bytes = input.AsSpan(2);
        var text = set.Decode(bytes, vr);
        FuzzFailure.Unless(text.Length <= (bytes.Length * 2) + 1, "more text than bytes can hold");
        _ = PersonName.Parse(text).ToString();
        var dataset = new DicomDataset().Set(new DicomElement(DicomTags.SpecificCharacterSet, Vr.CS, Encoding.Latin1.GetBytes(s_sets[input[0] % s_sets.Length]))).Set(new DicomElement(DicomTags.PatientName, Vr.PN, bytes.ToArray()));
        var findings = new List<Finding>();
        var repaired = CharacterSetRepair.Examine(dataset, findings);
        if (!text.Contains('\uFFFD', StringComparison.Ordinal) && !text.Contains('\u001b', StringComparison.Ordinal)) Back(set, vr, text);
        var digest = Behaviour.Add(Behaviour.Add(Behaviour.Start, input[0] % s_sets.Length), repaired is null ? 0 : 1);
        foreach (var rune in text.EnumerateRunes()) digest = Behaviour.Add(digest, rune.Value >> 8);
        return digest;
    }

    private static void Back(CharacterSet set, Vr vr, string text)
    {
        byte[] encoded;
        try
        {
            encoded = set.Encode(text, vr);
        }
        catch (ArgumentException)
        {
            // Text from bytes that the declared set does not have.
            return;
        }

        FuzzFailure.Unless(set.Decode(encoded, vr) == text, $"text changes in {set}: {Escape(text)} becomes {Escape(set.Decode(encoded, vr))}");
    }

    private static string Escape(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? c.ToString() : $"\\u{(int)c:X4}"));
}
