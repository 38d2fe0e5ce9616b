using System.Collections.Frozen;
using System.Text;

namespace Skylight.Core.Catalog;

/// <summary>
/// Mandarin readings of Chinese characters, without tones, <c>v</c> for ü; the commonest first, at most four. Unihan's readings and those that only
/// surnames have (单 Shan, 解 Xie, 仇 Qiu, 查 Zha, 万俟 Mo Qi).
/// </summary>
public static class Pinyin
{
    private const int First = 0x3400, Last = 0x9FFF;
    private const int LongestSyllable = 6;

    private static readonly FrozenDictionary<int, ushort> Others =
        PinyinTable.Others.ToArray().Zip(PinyinTable.OtherSlots.ToArray()).ToFrozenDictionary(pair => pair.First, pair => pair.Second);

    private static readonly string[][] Sets = [.. PinyinTable.Sets.Select(set => set.Split(' '))];

    private static readonly FrozenSet<string> Syllables = Sets.SelectMany(set => set).SelectMany(Spellings).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Readings of a character; empty for anything else.</summary>
    public static IReadOnlyList<string> Readings(Rune rune)
    {
        var slot = rune.Value is >= First and <= Last ? PinyinTable.Slots[rune.Value - First] : Others.GetValueOrDefault(rune.Value);
        return slot == 0 ? [] : Sets[slot - 1];
    }

    /// <summary>How a syllable is typed: ü as <c>v</c>, as <c>u</c>, and as <c>yu</c>, which passports have.</summary>
    public static IEnumerable<string> Spellings(string syllable)
    {
        yield return syllable;
        var at = syllable.IndexOf('v', StringComparison.Ordinal);
        if (at < 0) yield break;
        yield return syllable.Replace('v', 'u');
        if (at == syllable.Length - 1) yield return syllable[..at] + "yu";
    }

    /// <summary>The simplified form of a traditional character; any other character as it is.</summary>
    public static char Simplify(char c)
    {
        if (c < First) return c;
        var at = PinyinTable.Traditional.AsSpan().BinarySearch(c);
        return at < 0 ? c : PinyinTable.Simplified[at];
    }

    /// <summary>A word as syllables, long ones first (<c>xiaoming</c>: <c>xiao</c>, <c>ming</c>); null when it is not pinyin.</summary>
    public static IReadOnlyList<string>? Split(string word)
    {
        if (word.Length is 0 or > 32) return null;
        // Syllables still needed from each position to the end; 0 where there is no way.
        var lengths = new int[word.Length + 1];
        for (var at = word.Length - 1; at >= 0; at--)
        {
            for (var length = Math.Min(LongestSyllable, word.Length - at); length > 0 && lengths[at] == 0; length--)
                if ((at + length == word.Length || lengths[at + length] > 0) && Syllables.Contains(word.Substring(at, length))) lengths[at] = length;
        }

        if (lengths[0] == 0) return null;
        var syllables = new List<string>();
        for (var at = 0; at < word.Length; at += lengths[at]) syllables.Add(word.Substring(at, lengths[at]));
        return syllables;
    }
}
