using System.Text;

namespace Skylight.Dicom;

/// <summary>
/// What (0008,0005) declares: one set, or several with ISO 2022 escapes, or one of the multi-byte sets that need none (UTF-8, GB18030, GBK).
/// Spellings that occur in practice ("ISO IR 100", "UTF-8") are understood.
/// </summary>
public sealed partial class CharacterSet
{
    private const byte Escape = 0x1B;

    private readonly Encoding? _whole;
    private readonly CodeElement _g0;
    private readonly CodeElement? _g1, _fallback;
    private readonly CodeElement[] _extensions;

    private CharacterSet(IReadOnlyList<string> terms, bool known, Encoding? whole, CodeElement g0, CodeElement? g1, CodeElement[] extensions)
    {
        DeclaredTerms = terms;
        IsKnown = known;
        _whole = whole;
        _g0 = g0;
        _g1 = g1;
        _extensions = extensions;
        // Bytes in the upper half without their escape: the only declared set that can hold them.
        _fallback = g1 ?? extensions.FirstOrDefault(e => e.IsG1);
    }

    /// <summary>No declaration: ISO 646. Bytes beyond it are read as Latin-1, so that nothing is lost on screen.</summary>
    public static CharacterSet Default { get; } = Of([]);

    public static CharacterSet Utf8 { get; } = Of(["ISO_IR 192"]);

    public static CharacterSet Gb18030 { get; } = Of(["GB18030"]);

    /// <summary>As declared, in order; empty for the default.</summary>
    public IReadOnlyList<string> DeclaredTerms { get; }

    /// <summary>False when a term is not one of the standard's (nor a usual misspelling); such a term counts as the default.</summary>
    public bool IsKnown { get; }

    /// <summary>One set of characters, no escapes, at most one byte each.</summary>
    public bool IsSingleByte => _whole is null && _extensions.Length == 0;

    /// <summary>ISO 646 alone: bytes beyond it have no declared meaning.</summary>
    internal bool IsAscii => _whole is null && _fallback is null && _extensions.All(e => e == CodeElement.Ascii);

    /// <summary>UTF-8, GB18030 or GBK.</summary>
    public bool IsMultiByteWithoutEscapes => _whole is not null;

    /// <summary>The terms in an element's bytes; an empty first term stays (it means ISO 646).</summary>
    public static IReadOnlyList<string> Terms(ReadOnlySpan<byte> value) => [.. Encoding.Latin1.GetString(value).Split('\\').Select(t => t.Trim(' ', '\0'))];

    /// <summary>A set for the terms of (0008,0005).</summary>
    public static CharacterSet Of(IReadOnlyList<string> terms)
    {
        if (terms.Count == 0 || (terms.Count == 1 && terms[0].Length == 0)) return new CharacterSet([], true, null, CodeElement.Ascii, null, []);
        var known = true;
        var first = CharacterSetTerms.Normalize(terms[0], ref known);
        // Among several terms only ISO 2022 ones may follow; UTF-8, GB18030 and GBK stand alone (PS3.3 C.12.1.1.2).
        foreach (var term in terms)
        {
            var ignored = true;
            if (CharacterSetTerms.WholePage(CharacterSetTerms.Normalize(term, ref ignored)) is not (> 0 and var page)) continue;
            return new CharacterSet([.. terms], known && terms.Count == 1, CodePages.Get(page), CodeElement.Ascii, null, []);
        }

        var (g0, g1) = CharacterSetTerms.Initial(first);
        var extensions = new List<CodeElement>();
        foreach (var term in terms.Skip(1))
            extensions.AddRange(CharacterSetTerms.Elements(CharacterSetTerms.Normalize(term, ref known)));
        return new CharacterSet([.. terms], known, null, g0, g1, [.. extensions.Distinct()]);
    }

    /// <summary>The text of a value, not yet split at backslash, "^" and "=". Invalid bytes become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<byte> value, Vr vr)
    {
        if (_whole is not null) return _whole.GetString(value);
        var special = value.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7E);
        if (special < 0) return Encoding.ASCII.GetString(value);
        if (value.IndexOf(Escape) < 0 && _g1 is null && _fallback is null) return Encoding.Latin1.GetString(value);
        return Switching(value, vr);
    }

    private string Switching(ReadOnlySpan<byte> value, Vr vr)
    {
        var text = new StringBuilder(value.Length);
        CodeElement g0 = _g0;
        CodeElement? g1 = _g1;
        for (var i = 0; i < value.Length; i++)
        {
            var b = value[i];
            if (b == Escape)
            {
                if (Called(value[i..]) is { } called)
                {
                    if (called.IsG1) g1 = called;
                    else g0 = called;
                    i += called.Escape.Length - 1;
                }
                else
                {
                    SkipUnknown(value, ref i);
                    text.Append('\uFFFD');
                }
            }
            else if (b < 0x80)
            {
                if (g0.TwoBytes && b is > 0x20 and < 0x7F && i + 1 < value.Length && value[i + 1] is > 0x20 and < 0x7F)
                {
                    g0.Decode(b, value[++i], text);
                    continue;
                }

                text.Append((char)b);
                if (IsDelimiter(b, vr)) (g0, g1) = (_g0, _g1);
            }
            else if ((g1 ?? _fallback) is { } set)
            {
                if (!set.TwoBytes) set.Decode(b, text);
                else if (i + 1 < value.Length && value[i + 1] >= 0x80) set.Decode(b, value[++i], text);
                else text.Append('\uFFFD');
            }
            else text.Append((char)b);
        }

        return text.ToString();
    }

    /// <summary>Where the sets return to what they were at the beginning (PS3.5 6.1.2.5.3).</summary>
    private static bool IsDelimiter(byte b, Vr vr) =>
        b is 0x09 or 0x0A or 0x0C or 0x0D || (b == '\\' && vr.IsMultiText) || (vr.Code == VrCode.PN && b is ((byte)'^' or (byte)'='));

    private static CodeElement? Called(ReadOnlySpan<byte> at)
    {
        foreach (var e in CodeElement.All)
            if (at.StartsWith(e.Escape.Span)) return e;
        // JIS C 6226, the forerunner of JIS X 0208.
        return at.StartsWith("\u001b$@"u8) ? CodeElement.Kanji : null;
    }

    /// <summary>An escape sequence of another set: intermediate bytes 0x20…0x2F, then a final byte.</summary>
    private static void SkipUnknown(ReadOnlySpan<byte> value, ref int i)
    {
        var end = i + 1;
        while (end < value.Length && value[end] is >= 0x20 and <= 0x2F) end++;
        if (end < value.Length && end > i + 1) i = end;
    }

    public override string ToString() => DeclaredTerms.Count == 0 ? "ISO_IR 6" : string.Join('\\', DeclaredTerms);
}
