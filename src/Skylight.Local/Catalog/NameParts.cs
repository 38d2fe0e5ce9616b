namespace Skylight.Local.Catalog;

/// <param name="IsWhole">False when only the beginning of the part is known: a name may have any part that begins so.</param>
internal readonly record struct NamePart(string Text, bool IsWhole);

/// <summary>
/// Parts of folded name forms that a pattern can be narrowed by: each character of a script that writes no spaces (Han, kana, hangul), and the first three
/// characters of every other word. A name that matches a pattern has all parts of that pattern.
/// </summary>
internal static class NameParts
{
    private const int Head = 3;

    /// <summary>The parts of a name form. Distinct only where the form is.</summary>
    public static IEnumerable<string> Of(string form) => Of(form, wholeWords: true).Select(static part => part.Text);

    /// <summary>The parts that every name has that matches: none may be known. Words that a wildcard begins say nothing.</summary>
    public static IEnumerable<NamePart> OfPattern(string pattern)
    {
        var start = 0;
        for (var i = 0; i <= pattern.Length; i++)
        {
            if (i < pattern.Length && pattern[i] is not ('*' or '?')) continue;
            var run = pattern.AsSpan(start, i - start).ToString();

            // The beginning of a word is known only in the run that begins the pattern, or behind a separator.
            var known = start == 0 ? 0 : run.AsSpan().IndexOfAny(' ', '^') is var at and >= 0 ? at : run.Length;
            foreach (var part in Ideographs(run[..known])) yield return part;
            foreach (var part in Of(run[known..], wholeWords: i == pattern.Length)) yield return part;
            start = i + 1;
        }
    }

    private static IEnumerable<NamePart> Ideographs(string text) => Of(text, wholeWords: true).Where(static part => IsIdeograph(part.Text[0]));

    /// <param name="wholeWords">False when the last word may go on.</param>
    private static IEnumerable<NamePart> Of(string text, bool wholeWords)
    {
        var word = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && text[i] is not (' ' or '^') && !IsIdeograph(text[i])) continue;
            if (i > word) yield return new NamePart(text[word..Math.Min(i, word + Head)], i < text.Length || wholeWords || i - word >= Head);
            word = i + 1;
            if (i == text.Length || !IsIdeograph(text[i])) continue;
            var length = char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? 2 : 1;
            yield return new NamePart(text.Substring(i, length), true);
            i += length - 1;
            word = i + 1;
        }
    }

    /// <summary>From the CJK radicals on: every script that is written without spaces, and whatever lies beyond U+FFFF.</summary>
    private static bool IsIdeograph(char c) => c >= '\u2E80';
}
