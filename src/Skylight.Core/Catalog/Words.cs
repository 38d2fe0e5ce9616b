using System.Text;

namespace Skylight.Core.Catalog;

/// <summary>A run of letters and digits, or a run of Chinese characters (kana included), folded.</summary>
internal readonly record struct Word(string Text, bool IsIdeographic);

/// <summary>
/// How free text becomes words, the same for what is stored and for what is asked: compatibility forms and full width as the plain ones, lower case,
/// no accents, traditional characters as simplified ones. Text in Chinese has no spaces: it is found by its pairs of neighbouring characters.
/// </summary>
internal static class Words
{
    /// <summary>A longer run of letters is cut: nobody types it, and it would only fill the index.</summary>
    private const int MaxLetters = 40;

    private const string Accented = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿāăąćĉċčďđēĕėęěĝğġģĥĩīĭįıĵķĺļľłńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžơưǎǐǒǔǖǘǚǜǟǡǧǩǫǭǰǵǹǻȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗẘẙạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ";
    private const string Unaccented = "aaaaaaceeeeiiiinoooooouuuuyyaaaccccddeeeeegggghiiiiijkllllnnnooorrrssssttuuuuuuwyzzzouaiouuuuuaagkoojgnaaaeeiioorruusthaeooooyabbbcdddddeeeeefghhhhhiikkkllllmmmnnnnoooopprrrrsssssttttuuuuuvvwwwwwxxyzzzhtwyaaaaaaaaaaaaeeeeeeeeiioooooooooooouuuuuuuyyyy";

    public static IEnumerable<Word> Split(string? text)
    {
        if (string.IsNullOrEmpty(text)) yield break;
        var run = new StringBuilder();
        var ideographic = false;
        foreach (var any in text.EnumerateRunes())
        {
            var rune = HalfWidth(any);
            var isIdeograph = IsIdeograph(rune);
            var isWord = isIdeograph || Rune.IsLetterOrDigit(rune) || IsMark(rune);
            if (run.Length > 0 && (!isWord || isIdeograph != ideographic))
            {
                yield return new Word(run.ToString(), ideographic);
                run.Clear();
            }

            if (!isWord || (!isIdeograph && run.Length >= MaxLetters)) continue;
            ideographic = isIdeograph;
            run.Append(isIdeograph && rune.IsBmp ? Pinyin.Simplify((char)rune.Value).ToString() : Plain(rune));
        }

        if (run.Length > 0) yield return new Word(run.ToString(), ideographic);
    }

    /// <summary>What is stored of a word: itself, or the pairs of a run of characters and its last character (the others begin a pair).</summary>
    public static IEnumerable<string> IndexForms(Word word)
    {
        if (!word.IsIdeographic)
        {
            yield return word.Text;
            yield break;
        }

        foreach (var pair in Pairs(word.Text)) yield return pair;
        yield return word.Text.EnumerateRunes().Last().ToString();
    }

    /// <summary>The neighbouring characters of a run, two by two; none of a single character.</summary>
    public static IEnumerable<string> Pairs(string run)
    {
        Rune? before = null;
        foreach (var rune in run.EnumerateRunes())
        {
            if (before is { } first) yield return first.ToString() + rune;
            before = rune;
        }
    }

    /// <summary>Lower case, without accent or width. Full-width forms and the ideographic space are the plain ones; a combining mark is left out.</summary>
    private static string Plain(Rune rune)
    {
        if (IsMark(rune)) return "";
        var lower = Rune.ToLowerInvariant(rune);
        if (lower.Value is < 0xC0 or > 0x1EFF) return lower.ToString();
        var at = Accented.AsSpan().BinarySearch((char)lower.Value);
        return at < 0 ? lower.ToString() : Unaccented[at].ToString();
    }

    private static Rune HalfWidth(Rune rune) => rune.Value is >= 0xFF01 and <= 0xFF5E ? new Rune(rune.Value - 0xFEE0) : rune;

    private static bool IsMark(Rune rune) => rune.Value is >= 0x300 and <= 0x36F;

    private static bool IsIdeograph(Rune rune) =>
        rune.Value is 0x3005 or 0x3007 or (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
