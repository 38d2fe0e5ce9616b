using System.Text;

namespace Skylight.Dicom;

/// <summary>A set of characters that an ISO 2022 escape sequence calls into G0 or G1 (PS3.3 C.12.1.1.2, PS3.5 6.1).</summary>
internal sealed class CodeElement
{
    private readonly Encoding? _encoding;
    private readonly Func<byte, byte, (byte, byte)>? _pair;

    private CodeElement(int page, byte[] escape, bool g1, bool twoBytes = false, Func<byte, byte, (byte, byte)>? pair = null)
    {
        _encoding = page == 0 ? null : CodePages.Get(page);
        Escape = escape;
        IsG1 = g1;
        TwoBytes = twoBytes;
        _pair = pair;
    }

    public static CodeElement Ascii { get; } = new(20127, "\u001b(B"u8.ToArray(), false);

    public static CodeElement Romaji { get; } = new(20127, "\u001b(J"u8.ToArray(), false);

    public static CodeElement Katakana { get; } = new(0, "\u001b)I"u8.ToArray(), true);

    public static CodeElement Latin1 { get; } = new(28591, "\u001b-A"u8.ToArray(), true);

    public static CodeElement Latin2 { get; } = new(28592, "\u001b-B"u8.ToArray(), true);

    public static CodeElement Latin3 { get; } = new(28593, "\u001b-C"u8.ToArray(), true);

    public static CodeElement Latin4 { get; } = new(28594, "\u001b-D"u8.ToArray(), true);

    public static CodeElement Latin5 { get; } = new(28599, "\u001b-M"u8.ToArray(), true);

    public static CodeElement Latin9 { get; } = new(28605, "\u001b-b"u8.ToArray(), true);

    public static CodeElement Cyrillic { get; } = new(28595, "\u001b-L"u8.ToArray(), true);

    public static CodeElement Arabic { get; } = new(28596, "\u001b-G"u8.ToArray(), true);

    public static CodeElement Greek { get; } = new(28597, "\u001b-F"u8.ToArray(), true);

    public static CodeElement Hebrew { get; } = new(28598, "\u001b-H"u8.ToArray(), true);

    public static CodeElement Thai { get; } = new(874, "\u001b-T"u8.ToArray(), true);

    /// <summary>JIS X 0208 as EUC-JP.</summary>
    public static CodeElement Kanji { get; } = new(20932, "\u001b$B"u8.ToArray(), false, true, static (a, b) => ((byte)(a | 0x80), (byte)(b | 0x80)));

    /// <summary>JIS X 0212; code page 20932 writes its second byte without the high bit.</summary>
    public static CodeElement SupplementaryKanji { get; } = new(20932, "\u001b$(D"u8.ToArray(), false, true, static (a, b) => ((byte)(a | 0x80), (byte)(b & 0x7F)));

    public static CodeElement Korean { get; } = new(949, "\u001b$)C"u8.ToArray(), true, true, static (a, b) => (a, b));

    public static CodeElement Chinese { get; } = new(936, "\u001b$)A"u8.ToArray(), true, true, static (a, b) => (a, b));

    /// <summary>Every set, for the escape sequences.</summary>
    public static IReadOnlyList<CodeElement> All { get; } =
    [
        Ascii, Romaji, Katakana, Latin1, Latin2, Latin3, Latin4, Latin5, Latin9, Cyrillic, Arabic, Greek, Hebrew, Thai, Kanji, SupplementaryKanji, Korean, Chinese,
    ];

    public ReadOnlyMemory<byte> Escape { get; }

    /// <summary>Called into G1 (bytes 0xA0…0xFF), else into G0.</summary>
    public bool IsG1 { get; }

    public bool TwoBytes { get; }

    public void Decode(byte value, StringBuilder text)
    {
        if (_encoding is null)
        {
            text.Append(value is >= 0xA1 and <= 0xDF ? (char)(0xFF61 + value - 0xA1) : '\uFFFD');
            return;
        }

        Span<char> chars = stackalloc char[4];
        text.Append(chars[.._encoding.GetChars([value], chars)]);
    }

    public void Decode(byte first, byte second, StringBuilder text)
    {
        var (a, b) = _pair!(first, second);
        Span<char> chars = stackalloc char[4];
        text.Append(chars[.._encoding!.GetChars([a, b], chars)]);
    }

    /// <summary>The bytes of a character as this set writes it, or false when it has none.</summary>
    public bool TryEncode(string character, Span<byte> bytes, out int written)
    {
        written = 0;
        if (_encoding is null)
        {
            if (character.Length != 1 || character[0] is < '\uFF61' or > '\uFF9F') return false;
            bytes[0] = (byte)(character[0] - 0xFF61 + 0xA1);
            written = 1;
            return true;
        }

        Span<byte> raw = stackalloc byte[16];
        var n = _encoding.GetBytes(character, raw);
        if (n != (TwoBytes ? 2 : 1)) return false;
        Span<char> back = stackalloc char[16];
        if (!back[.._encoding.GetChars(raw[..n], back)].SequenceEqual(character)) return false;
        if (!TwoBytes)
        {
            if (IsG1 != raw[0] >= 0x80) return false;
            bytes[0] = raw[0];
        }
        else if (IsG1)
        {
            // Only the 94 x 94 plane; GBK and the unified Hangul code have characters beyond it.
            if (raw[0] < 0xA1 || raw[1] < 0xA1) return false;
            raw[..2].CopyTo(bytes);
        }
        else
        {
            if (raw[0] < 0xA1 || raw[1] >= 0x80 != (this == Kanji)) return false;
            bytes[0] = (byte)(raw[0] & 0x7F);
            bytes[1] = (byte)(raw[1] & 0x7F);
        }

        written = n;
        return true;
    }
}
