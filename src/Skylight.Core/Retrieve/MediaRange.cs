using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Skylight.Core.Retrieve;

/// <summary>
/// A media type or media range with its parameters (RFC 9110 §8.3.1 and §12.5.1), read with DICOMweb's habits: parameter values may carry a slash, a
/// plus or an asterisk without quotes (<c>type=application/dicom</c>, <c>transfer-syntax=*</c>), and a weight may stand anywhere after the type.
/// </summary>
public sealed record MediaRange(string Type, string Subtype, IReadOnlyList<KeyValuePair<string, string>> Parameters, double Quality)
{
    /// <summary>More ranges than this in one Accept header are refused; browsers send fewer than ten.</summary>
    public const int MaxRanges = 64;

    private const int MaxLength = 8 * 1024;

    /// <summary>Lower-case <c>type/subtype</c>.</summary>
    public string Name => $"{Type}/{Subtype}";

    /// <summary>The first parameter of that name (names compare without case), or null.</summary>
    public string? Parameter(string name)
    {
        foreach (var (key, value) in Parameters)
        {
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase)) return value;
        }
        return null;
    }

    /// <summary>True when this range covers the media type, by name alone (<c>*/*</c>, <c>image/*</c>).</summary>
    public bool Covers(string type, string subtype) =>
        Type == "*" || (Type == type && (Subtype == "*" || Subtype == subtype));

    /// <summary>Reads one media type, as in Content-Type. False when it is not one.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out MediaRange? range)
    {
        range = null;
        if (string.IsNullOrWhiteSpace(text) || text.Length > MaxLength) return false;
        var position = 0;
        if (TryReadRange(text, ref position, out range) && position == text.Length) return true;
        range = null;
        return false;
    }

    /// <summary>
    /// Reads the values of an Accept header (several header lines, several ranges on a line), most wanted first: by weight, then in the order given.
    /// False when the header is malformed or too long; ranges of weight 0 are kept, since they refuse.
    /// </summary>
    public static bool TryParseAccept(IEnumerable<string?> values, out IReadOnlyList<MediaRange> ranges)
    {
        var list = new List<MediaRange>();
        ranges = list;
        foreach (var text in values)
        {
            if (string.IsNullOrWhiteSpace(text)) continue;
            if (text.Length > MaxLength) return false;
            var position = 0;
            while (position < text.Length)
            {
                SkipSpace(text, ref position);
                if (position < text.Length && text[position] == ',')
                {
                    position++;
                    continue;
                }
                if (position == text.Length) break;
                if (list.Count == MaxRanges || !TryReadRange(text, ref position, out var range)) return false;
                list.Add(range);
                if (position < text.Length && text[position++] != ',') return false;
            }
        }
        ranges = [.. list.OrderByDescending(r => r.Quality)];
        return true;
    }

    private static bool TryReadRange(string text, ref int position, [NotNullWhen(true)] out MediaRange? range)
    {
        range = null;
        SkipSpace(text, ref position);
        var type = ReadToken(text, ref position, slash: false);
        if (type.Length == 0 || position == text.Length || text[position++] != '/') return false;
        var subtype = ReadToken(text, ref position, slash: false);
        if (subtype.Length == 0 || (type == "*" && subtype != "*")) return false;

        var parameters = new List<KeyValuePair<string, string>>();
        var quality = 1.0;
        while (true)
        {
            SkipSpace(text, ref position);
            if (position == text.Length || text[position] != ';') break;
            position++;
            SkipSpace(text, ref position);
            if (position == text.Length || text[position] is ';' or ',') continue;
            if (!TryReadParameter(text, ref position, out var name, out var value)) return false;
            if (name == "q")
            {
                if (!double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out quality) || !(quality is >= 0 and <= 1)) return false;
                continue;
            }
            parameters.Add(new(name, value));
        }
        range = new MediaRange(type.ToLowerInvariant(), subtype.ToLowerInvariant(), parameters, quality);
        return true;
    }

    private static bool TryReadParameter(string text, ref int position, out string name, out string value)
    {
        value = "";
        name = ReadToken(text, ref position, slash: false).ToLowerInvariant();
        SkipSpace(text, ref position);
        if (name.Length == 0 || position == text.Length || text[position++] != '=') return false;
        SkipSpace(text, ref position);
        if (position < text.Length && text[position] == '"') return TryReadQuoted(text, ref position, out value);
        value = ReadToken(text, ref position, slash: true);
        return value.Length > 0;
    }

    private static bool TryReadQuoted(string text, ref int position, out string value)
    {
        var builder = new StringBuilder();
        value = "";
        for (position++; position < text.Length; position++)
        {
            var c = text[position];
            if (c == '"')
            {
                position++;
                value = builder.ToString();
                return true;
            }
            if (c == '\\' && ++position == text.Length) return false;
            builder.Append(text[position]);
        }
        return false;
    }

    private static string ReadToken(string text, ref int position, bool slash)
    {
        var start = position;
        while (position < text.Length && IsTokenChar(text[position], slash)) position++;
        return text[start..position];
    }

    private static bool IsTokenChar(char c, bool slash) =>
        char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal) || (slash && c is '/' or ':' or '?' or '@' or '(' or ')');

    private static void SkipSpace(string text, ref int position)
    {
        while (position < text.Length && text[position] is ' ' or '\t') position++;
    }
}
