using System.Text;

namespace Skylight.Core.Catalog;

/// <summary>
/// How search compares text, the same on every store: values and patterns are folded (case, width, spaces), then matched with the DICOM wildcards
/// <c>*</c> and <c>?</c> (PS3.4 C.2.2.2.4).
/// </summary>
public static class TextMatching
{
    /// <summary>Longest text that is compared; a DICOM person name group has at most 64 characters.</summary>
    private const int MaxChars = 256;

    /// <summary>Lower case, full-width forms as half-width, runs of spaces as one, none at the ends or beside <c>^</c>, no empty components at the end.</summary>
    public static string Fold(string text)
    {
        var folded = new StringBuilder(Math.Min(text.Length, MaxChars));
        var space = false;
        foreach (var c in text)
        {
            var half = c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - 0xFEE0) : c;
            if (char.IsWhiteSpace(half) || char.IsControl(half))
            {
                space = true;
                continue;
            }

            if (space && folded.Length > 0 && half != '^' && folded[^1] != '^') folded.Append(' ');
            space = false;
            folded.Append(char.ToLowerInvariant(half));
            if (folded.Length >= MaxChars) break;
        }

        return folded.ToString().TrimEnd('^');
    }

    /// <summary>
    /// The folded forms under which a person name is found: each component group as it is, and without the separators
    /// (<c>zhang^san</c>, <c>zhang san</c>, <c>zhangsan</c>; <c>张^三</c>, <c>张三</c>). Distinct, at most nine.
    /// </summary>
    public static IReadOnlyList<string> NameForms(string? personName)
    {
        if (string.IsNullOrWhiteSpace(personName)) return [];
        var forms = new List<string>(6);
        foreach (var group in personName.Split('=', 3))
        {
            var folded = Fold(group);
            if (folded.Length == 0) continue;
            Add(folded);
            if (!folded.Contains('^', StringComparison.Ordinal)) continue;
            Add(Fold(folded.Replace('^', ' ')));
            Add(folded.Replace("^", "", StringComparison.Ordinal));
        }

        return forms;

        void Add(string form)
        {
            if (!forms.Contains(form)) forms.Add(form);
        }
    }

    /// <summary>The patterns of a person-name query, one for each component group given; all of them must match some form of the name.</summary>
    public static IReadOnlyList<string> NamePatterns(string query) => [.. query.Split('=').Select(Fold).Where(pattern => pattern.Trim('*').Length > 0)];

    public static bool HasWildcard(string pattern) => pattern.AsSpan().ContainsAny('*', '?');

    /// <summary>The characters before the first wildcard.</summary>
    public static string LiteralPrefix(string pattern)
    {
        var at = pattern.AsSpan().IndexOfAny('*', '?');
        return at < 0 ? pattern : pattern[..at];
    }

    /// <summary>The longest run of characters without a wildcard.</summary>
    public static string LongestLiteral(string pattern)
    {
        var longest = "";
        foreach (var run in pattern.Split('*', '?'))
            if (run.Length > longest.Length) longest = run;
        return longest;
    }

    /// <summary>Whether the whole of <paramref name="text"/> matches. Linear in practice: no recursion, one point of return.</summary>
    public static bool Matches(ReadOnlySpan<char> text, ReadOnlySpan<char> pattern)
    {
        int t = 0, p = 0, star = -1, mark = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && (pattern[p] == '?' || (pattern[p] != '*' && pattern[p] == text[t])))
            {
                t++;
                p++;
            }
            else if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = t;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++mark;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }

    /// <summary>Whether a person name matches a query, by the rule of <see cref="StudyQuery.PatientName"/>.</summary>
    public static bool NameMatches(string? personName, string query)
    {
        var patterns = NamePatterns(query);
        if (patterns.Count == 0) return true;
        var forms = NameForms(personName);
        return patterns.All(pattern => forms.Any(form => Matches(form, pattern)));
    }

    /// <summary>Whether an identifier matches a query: spaces at the ends aside, exactly or by its wildcards.</summary>
    public static bool IdentifierMatches(string? value, string query) => Matches((value ?? "").Trim(), query.Trim());
}
