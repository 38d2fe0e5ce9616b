using System.Text;

namespace Skylight.Dicom;

/// <summary>Writing text in the declared set.</summary>
public sealed partial class CharacterSet
{
    /// <summary>The bytes of one text value, with the escapes it needs.</summary>
    /// <exception cref="ArgumentException">A character is in none of the declared sets.</exception>
    public byte[] Encode(string text, Vr vr)
    {
        if (_whole is not null)
        {
            var whole = _whole.GetBytes(text);
            return _whole.GetString(whole) == text ? whole : throw Unencodable();
        }

        if (Ascii.IsValid(text)) return Encoding.ASCII.GetBytes(text);
        var bytes = new List<byte>(text.Length * 2);
        CodeElement g0 = _g0;
        CodeElement? g1 = _g1;
        Span<byte> code = stackalloc byte[4];
        var runes = text.EnumerateRunes();
        foreach (var rune in runes)
        {
            if (rune.Value < 0x80)
            {
                // Plain letters and delimiters need G0 back.
                if (g0.TwoBytes)
                {
                    bytes.AddRange(_g0.Escape.Span);
                    g0 = _g0;
                }

                bytes.Add((byte)rune.Value);
                if (IsDelimiter((byte)rune.Value, vr)) (g0, g1) = (_g0, _g1);
                continue;
            }

            var set = SetFor(rune.ToString(), g0, g1, code, out var n) ?? throw Unencodable();
            if (set.IsG1 && set != g1)
            {
                bytes.AddRange(set.Escape.Span);
                g1 = set;
            }
            else if (!set.IsG1 && set != g0)
            {
                bytes.AddRange(set.Escape.Span);
                g0 = set;
            }

            bytes.AddRange(code[..n]);
        }

        if (g0.TwoBytes) bytes.AddRange(_g0.Escape.Span);
        return [.. bytes];
    }

    private CodeElement? SetFor(string character, CodeElement g0, CodeElement? g1, Span<byte> code, out int n)
    {
        if (g1 is not null && g1.TryEncode(character, code, out n)) return g1;
        if (g0.TwoBytes && g0.TryEncode(character, code, out n)) return g0;
        if (_g1 is not null && _g1.TryEncode(character, code, out n)) return _g1;
        foreach (var e in _extensions)
            if (e.TryEncode(character, code, out n)) return e;
        n = 0;
        return null;
    }

    private ArgumentException Unencodable() => new($"The text has characters that are not in {this}; declare another character set first.");
}
