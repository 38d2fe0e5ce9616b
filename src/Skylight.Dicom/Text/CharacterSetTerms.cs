namespace Skylight.Dicom;

/// <summary>Defined terms of (0008,0005) and what they stand for (PS3.3 tables C.12-2 to C.12-5).</summary>
internal static class CharacterSetTerms
{
    /// <summary>"ISO_IR 100", "ISO IR 100", "ISO-IR-100", "ISO 2022 IR 100", "latin1" give "100"; "" and "6" are ISO 646. An unknown term gives "" and clears the flag.</summary>
    public static string Normalize(string term, ref bool known)
    {
        var t = term.ToUpperInvariant().Replace('_', ' ').Replace('-', ' ').Replace("  ", " ", StringComparison.Ordinal).Trim();
        if (t.Length == 0) return "6";
        switch (t)
        {
            case "GB18030" or "GB 18030": return "GB18030";
            case "GBK" or "GB2312" or "GB 2312" or "CP936": return "GBK";
            case "UTF 8" or "UTF8" or "UNICODE": return "192";
            case "LATIN1" or "ISO 8859 1" or "ISO8859 1": return "100";
            case "US ASCII" or "ASCII" or "ISO646" or "ISO 646": return "6";
        }

        var digits = t.Length;
        while (digits > 0 && char.IsAsciiDigit(t[digits - 1])) digits--;
        var number = t[digits..];
        var prefix = t[..digits].Replace(" ", "", StringComparison.Ordinal);
        if (prefix is ("ISOIR" or "ISO2022IR") && number is ("6" or "13" or "58" or "87" or "100" or "101" or "109" or "110" or "126" or "127" or "138" or "144" or "148" or "149" or "159" or "166" or "192" or "203"))
            return number;
        known = false;
        return "6";
    }

    /// <summary>Code page of the sets without escapes, else 0.</summary>
    public static int WholePage(string term) => term switch
    {
        "192" => 65001,
        "GB18030" => 54936,
        "GBK" => 936,
        _ => 0,
    };

    /// <summary>G0 and G1 at the start of a value: what the first term gives.</summary>
    public static (CodeElement G0, CodeElement? G1) Initial(string term) => term switch
    {
        "13" => (CodeElement.Romaji, CodeElement.Katakana),
        "87" or "159" or "6" => (CodeElement.Ascii, null),
        _ => (CodeElement.Ascii, Elements(term)[^1]),
    };

    public static CodeElement[] Elements(string term) => term switch
    {
        "13" => [CodeElement.Romaji, CodeElement.Katakana],
        "58" => [CodeElement.Chinese],
        "87" => [CodeElement.Kanji],
        "100" => [CodeElement.Latin1],
        "101" => [CodeElement.Latin2],
        "109" => [CodeElement.Latin3],
        "110" => [CodeElement.Latin4],
        "126" => [CodeElement.Greek],
        "127" => [CodeElement.Arabic],
        "138" => [CodeElement.Hebrew],
        "144" => [CodeElement.Cyrillic],
        "148" => [CodeElement.Latin5],
        "149" => [CodeElement.Korean],
        "159" => [CodeElement.SupplementaryKanji],
        "166" => [CodeElement.Thai],
        "203" => [CodeElement.Latin9],
        _ => [CodeElement.Ascii],
    };
}
