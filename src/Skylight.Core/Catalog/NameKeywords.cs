using System.Text;

namespace Skylight.Core.Catalog;

/// <summary>
/// The words that a person's name is found by: its characters, full pinyin (whole, and from each later character on, so that a given name alone finds it
/// too) and initials, for every combination of readings; bounded, the common readings first.
/// </summary>
internal static class NameKeywords
{
    private const int MaxCharacters = 8;
    private const int MaxWhole = 24;
    private const int MaxPart = 8;

    /// <param name="personName">DICOM form: component groups joined by <c>=</c>, components by <c>^</c>.</param>
    public static IEnumerable<string> Of(string? personName)
    {
        if (string.IsNullOrWhiteSpace(personName)) yield break;
        foreach (var group in personName.Split('=', 3))
        {
            var tokens = Words.Split(group).ToArray();
            foreach (var word in tokens.Where(token => !token.IsIdeographic)) yield return word.Text;
            var latin = tokens.Where(token => !token.IsIdeographic).Select(token => token.Text).ToArray();
            if (latin.Length > 0)
            {
                yield return string.Concat(latin);
                yield return string.Concat(latin.SelectMany(Initials));
            }

            foreach (var word in Ideographic(tokens)) yield return word;
        }
    }

    private static IEnumerable<string> Ideographic(IEnumerable<Word> tokens)
    {
        // Family and given name are written together: what parts them in DICOM is no part of the name.
        var name = string.Concat(tokens.Where(token => token.IsIdeographic).Select(token => token.Text));
        if (name.Length == 0) yield break;
        foreach (var word in Words.IndexForms(new Word(name, IsIdeographic: true))) yield return word;
        var readings = name.EnumerateRunes()
            .Select(Pinyin.Readings).Where(list => list.Count > 0).Take(MaxCharacters).ToArray();
        if (readings.Length == 0) yield break;
        for (var from = 0; from < readings.Length; from++)
            foreach (var form in Combine(readings[from..], Pinyin.Spellings, from == 0 ? MaxWhole : MaxPart)) yield return form;
        if (readings.Length == 1) yield break;
        foreach (var form in Combine(readings, static syllable => [syllable[..1]], MaxPart)) yield return form;
    }

    /// <summary>Every way to read the characters one after another, until there are enough.</summary>
    private static List<string> Combine(IReadOnlyList<string>[] readings, Func<string, IEnumerable<string>> spell, int most)
    {
        var forms = new List<string> { "" };
        foreach (var character in readings)
        {
            var parts = character.SelectMany(spell).Distinct(StringComparer.Ordinal).ToArray();
            // Reading by reading, so that what is cut off are the rarer ones.
            forms = [.. parts.SelectMany(part => forms.Select(form => form + part)).Take(most)];
        }

        return forms;
    }

    /// <summary>First letters of a Latin word's syllables where it is pinyin (<c>xiaoming</c>: x, m), else its own first letter.</summary>
    private static IEnumerable<char> Initials(string word) => Pinyin.Split(word)?.Select(syllable => syllable[0]) ?? [word[0]];
}
