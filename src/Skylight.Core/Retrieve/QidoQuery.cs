using System.Globalization;

namespace Skylight.Core.Retrieve;

/// <summary>The limits of a search's answer.</summary>
public static class QidoLimits
{
    /// <summary>Most studies in one answer; also what is given when the client names no limit.</summary>
    public const int MaxStudies = 1_000;

    /// <summary>Most series or instances in one answer; also what is given when the client names no limit.</summary>
    public const int MaxSeriesOrInstances = 10_000;

    /// <summary>Most search keys in one query, and most UIDs in a list.</summary>
    public const int MaxKeys = 64, MaxUids = 2_000;

    public static int For(QidoLevel level) => level == QidoLevel.Study ? MaxStudies : MaxSeriesOrInstances;
}

/// <summary>A search as asked for (PS3.18 §8.3.4): keys, what to return beside the required attributes, and which window of the results.</summary>
/// <param name="IncludeFields">Tags named by includefield.</param>
/// <param name="IncludeAll">True for <c>includefield=all</c>.</param>
/// <param name="Limit">Most results to return, at most <see cref="QidoLimits"/>.</param>
/// <param name="Offset">Results to skip.</param>
/// <param name="Warnings">What was asked for and is not done, in words for a Warning header; never a value.</param>
public sealed record QidoQuery(
    QidoLevel Level, IReadOnlyList<QidoMatch> Matches, IReadOnlySet<uint> IncludeFields, bool IncludeAll, int Limit, int Offset, IReadOnlyList<string> Warnings)
{
    /// <summary>
    /// Reads the decoded query parameters of a search. Attributes are named by keyword or by tag (<c>00100020</c>); one that can be neither is refused, one
    /// that exists but is no search key here is left out with a warning, as PS3.18 §8.3.4.1 wants it.
    /// </summary>
    /// <param name="resolve">The tag of a keyword of the data dictionary, or null.</param>
    /// <param name="error">What is wrong, in words for the caller; it names the parameter, never its value. Null when the query is good.</param>
    public static QidoQuery? Parse(QidoLevel level, IEnumerable<KeyValuePair<string, string>> parameters, Func<string, uint?> resolve, out string? error)
    {
        var parser = new QidoParser(level, resolve);
        error = null;
        foreach (var (name, value) in parameters)
        {
            error = parser.Add(name, value);
            if (error is not null) return null;
        }
        return parser.Build();
    }

    /// <summary>The key on an attribute, or null.</summary>
    public QidoMatch? On(QidoAttribute attribute)
    {
        foreach (var match in Matches)
        {
            if (match.Attribute == attribute) return match;
        }
        return null;
    }
}

/// <summary>Collects the parameters of one search.</summary>
internal sealed class QidoParser(QidoLevel level, Func<string, uint?> resolve)
{
    private readonly Dictionary<uint, QidoMatch> _matches = [];
    private readonly HashSet<uint> _named = [];
    private readonly HashSet<uint> _include = [];
    private readonly List<string> _warnings = [];
    private readonly HashSet<string> _unsupported = new(StringComparer.Ordinal);
    private bool _includeAll;
    private int? _limit;
    private int? _offset;
    private bool _fuzzy;

    public string? Add(string name, string value) => name switch
    {
        "limit" => Count(name, value, ref _limit),
        "offset" => Count(name, value, ref _offset),
        "includefield" => Include(value),
        "fuzzymatching" => Fuzzy(value),
        // Read by content negotiation.
        "accept" or "charset" => null,
        _ => Key(name, value),
    };

    public QidoQuery Build()
    {
        if (_unsupported.Count > 0) _warnings.Add("These search keys are not supported and were ignored: " + string.Join(", ", _unsupported.Order(StringComparer.Ordinal)));
        if (_fuzzy) _warnings.Add("The fuzzymatching parameter is not supported. Only literal matching has been performed.");
        var most = QidoLimits.For(level);
        return new QidoQuery(level, [.. _matches.Values], _include, _includeAll, Math.Min(_limit ?? most, most), _offset ?? 0, _warnings);
    }

    private static string? Count(string name, string value, ref int? target)
    {
        if (target is not null) return $"The parameter {name} is given twice.";
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return $"The parameter {name} must be a number from 0 to {int.MaxValue}.";
        target = number;
        return null;
    }

    private string? Include(string value)
    {
        foreach (var item in value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (item == "all")
            {
                _includeAll = true;
                continue;
            }
            // A path into a sequence returns the whole sequence.
            if (!TryTag(item.Split('.')[0], out var tag)) return "An includefield is neither an attribute's keyword nor its tag.";
            _include.Add(tag);
        }
        return null;
    }

    private string? Fuzzy(string value)
    {
        if (value is not ("true" or "false")) return "The parameter fuzzymatching must be true or false.";
        _fuzzy = value == "true";
        return null;
    }

    private string? Key(string name, string value)
    {
        var steps = name.Split('.');
        if (steps.Length > 8) return "A search key has too many steps.";
        uint tag = 0;
        foreach (var step in steps)
        {
            if (!TryTag(step, out tag)) return $"A query parameter ({Plain(name)}) is neither known nor an attribute's keyword or tag.";
        }
        if (steps.Length > 1 || QidoAttribute.Of(tag) is not { } attribute || attribute.Level > Deepest)
        {
            if (_unsupported.Count < QidoLimits.MaxKeys) _unsupported.Add(name);
            return null;
        }
        // A key is also a wish to see the attribute; an empty value matches everything (universal matching, PS3.4 §C.2.2.2.3).
        _include.Add(tag);
        if (value.Length == 0) return _named.Add(tag) || attribute.Matching == QidoMatching.Uid ? null : Twice(attribute);
        if (value.Length > 64 * 1024) return $"The value of {attribute.Keyword} is too long.";
        if (!_named.Add(tag) && attribute.Matching != QidoMatching.Uid) return Twice(attribute);
        return Value(attribute, value);
    }

    /// <summary>A search for studies may name keys of their series (a study with such a series); keys of instances belong to searches for instances.</summary>
    private QidoLevel Deepest => level == QidoLevel.Instance ? QidoLevel.Instance : QidoLevel.Series;

    private static string Twice(QidoAttribute attribute) => $"The search key {attribute.Keyword} is given twice.";

    private string? Value(QidoAttribute attribute, string value)
    {
        switch (attribute.Matching)
        {
            case QidoMatching.Uid:
                return Uids(attribute, value);
            case QidoMatching.Date or QidoMatching.Time:
                return Range(attribute, value);
            case QidoMatching.Single:
                _matches[attribute.Tag] = new QidoMatch(attribute, value.Split(['\\', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), null, null);
                return null;
            default:
                // Only stars match everything, the empty value too.
                if (value.Trim('*').Length > 0) _matches[attribute.Tag] = new QidoMatch(attribute, [value], null, null);
                return null;
        }
    }

    private string? Uids(QidoAttribute attribute, string value)
    {
        var uids = new List<string>(_matches.TryGetValue(attribute.Tag, out var before) ? before.Values : []);
        foreach (var uid in value.Split(['\\', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            // What was stored under a malformed UID can be asked for under it; wildcards have no meaning in a UID.
            if (uid.Length > 128 || uid.AsSpan().IndexOfAny('*', '?') >= 0) return $"A value of {attribute.Keyword} is not a UID.";
            uids.Add(uid);
        }
        if (uids.Count > QidoLimits.MaxUids) return $"The search key {attribute.Keyword} has more than {QidoLimits.MaxUids} UIDs.";
        _matches[attribute.Tag] = new QidoMatch(attribute, uids, null, null);
        return null;
    }

    private string? Range(QidoAttribute attribute, string value)
    {
        var dash = value.IndexOf('-', StringComparison.Ordinal);
        var (from, to) = dash < 0 ? (value, value) : (value[..dash], value[(dash + 1)..]);
        if ((from.Length == 0 && to.Length == 0) || !IsMoment(attribute, from) || !IsMoment(attribute, to))
        {
            return attribute.Matching == QidoMatching.Date
                ? $"The search key {attribute.Keyword} must be YYYYMMDD, or a range YYYYMMDD-YYYYMMDD with one end or both."
                : $"The search key {attribute.Keyword} must be HHMMSS, or a range HHMMSS-HHMMSS with one end or both.";
        }
        _matches[attribute.Tag] = dash < 0
            ? new QidoMatch(attribute, [value], null, null)
            : new QidoMatch(attribute, [], from.Length == 0 ? null : from, to.Length == 0 ? null : to);
        return null;
    }

    private static bool IsMoment(QidoAttribute attribute, string value)
    {
        if (value.Length == 0) return true;
        if (attribute.Matching == QidoMatching.Date)
            return DateOnly.TryParseExact(value, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
        var whole = value.Split('.');
        return whole.Length <= 2 && whole[0].Length is 2 or 4 or 6 && whole[0].All(char.IsAsciiDigit)
            && (whole.Length == 1 || (whole[0].Length == 6 && whole[1].Length is >= 1 and <= 6 && whole[1].All(char.IsAsciiDigit)))
            && int.Parse(whole[0].AsSpan(0, 2), CultureInfo.InvariantCulture) < 24;
    }

    private bool TryTag(string text, out uint tag)
    {
        if (text.Length == 8 && uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out tag)) return true;
        tag = resolve(text) ?? 0;
        return tag != 0;
    }

    private static string Plain(string name) => name.Length <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') ? name : "unnamed";
}
