using System.Text.RegularExpressions;

namespace Skylight.Core.Retrieve;

/// <summary>One key of a search with the values it may have, or the range it must lie in.</summary>
/// <param name="Values">Alternatives; empty for a range.</param>
/// <param name="From">First date or time of a range, or null where it is open.</param>
/// <param name="To">Last date or time of a range, or null where it is open.</param>
public sealed record QidoMatch(QidoAttribute Attribute, IReadOnlyList<string> Values, string? From, string? To)
{
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(200);

    /// <summary>True when one of an attribute's values satisfies the key. An absent or empty value satisfies none (PS3.4 §C.2.2.2).</summary>
    public bool Accepts(IEnumerable<string?> candidates)
    {
        foreach (var candidate in candidates)
        {
            if (!string.IsNullOrEmpty(candidate) && Accepts(candidate)) return true;
        }
        return false;
    }

    /// <inheritdoc cref="Accepts(IEnumerable{string})"/>
    public bool Accepts(string? candidate)
    {
        candidate = candidate?.Trim(' ', '\0');
        if (string.IsNullOrEmpty(candidate)) return false;
        switch (Attribute.Matching)
        {
            case QidoMatching.Date:
                return InRange(candidate.Length > 8 ? candidate[..8] : candidate);
            case QidoMatching.Time:
                return InRange(candidate);
            case QidoMatching.Name:
                // A key without '=' is compared with each group: alphabetic, ideographic, phonetic; "Wang^Xiao" matches "Wang^Xiao^^".
                return Values.Any(v => v.Contains('=', StringComparison.Ordinal)
                    ? Like(candidate, v, RegexOptions.IgnoreCase)
                    : candidate.Split('=').Any(group => Like(group.TrimEnd('^', ' '), v.TrimEnd('^', ' '), RegexOptions.IgnoreCase)));
            case QidoMatching.Uid:
                return Values.Contains(candidate, StringComparer.Ordinal);
            default:
                return Values.Any(v => Like(candidate, v, RegexOptions.None));
        }
    }

    private bool InRange(string candidate)
    {
        if (Values.Count > 0) return Values.Contains(candidate, StringComparer.Ordinal) || (Attribute.Matching == QidoMatching.Time && Values.Any(v => SameTime(v, candidate)));
        if (From is not null && string.CompareOrdinal(Padded(candidate, '0'), Padded(From, '0')) < 0) return false;
        return To is null || string.CompareOrdinal(Padded(candidate, '0'), Padded(To, '9')) <= 0;
    }

    /// <summary>A time of fewer digits covers all that begin with it, on the upper end of a range as well.</summary>
    private string Padded(string value, char fill) => Attribute.Matching == QidoMatching.Time
        ? value.Replace(".", "", StringComparison.Ordinal).PadRight(12, fill)
        : value;

    private static bool SameTime(string key, string candidate) =>
        candidate.Replace(".", "", StringComparison.Ordinal).PadRight(12, '0') == key.Replace(".", "", StringComparison.Ordinal).PadRight(12, '0');

    private static bool Like(string candidate, string pattern, RegexOptions options)
    {
        if (pattern.AsSpan().IndexOfAny('*', '?') < 0)
            return candidate.Equals(pattern, options == RegexOptions.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        var expression = "^" + Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal) + "$";
        return Regex.IsMatch(candidate, expression, options | RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking, PatternTimeout);
    }
}
