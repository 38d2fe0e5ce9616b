using System.Globalization;

namespace Skylight.Core.Catalog;

/// <summary>The parameters of a search as people and programs write them (<c>q=张伟 ct&amp;modality=CT&amp;level=4</c>), read into a <see cref="StudyQuery"/>.</summary>
public static class StudySearchParameters
{
    private const int MaxValues = 50;
    private const int MaxText = 500;

    /// <summary>Names that <see cref="Parse"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["q", "report", "date", "modality", "bodyPart", "level", "tier", "state", "tag", "category", "performing", "sex", "age", "patientId", "accession", "finding", "measurement"];

    /// <summary>Reads the parameters; lists are joined by commas or repeated.</summary>
    /// <param name="fault">The name of the parameter that cannot be taken, never its value; null when all is well.</param>
    public static StudyQuery? Parse(IEnumerable<KeyValuePair<string, string>> parameters, out string? fault)
    {
        var query = new StudyQuery();
        foreach (var group in parameters.GroupBy(parameter => parameter.Key, StringComparer.Ordinal))
        {
            fault = group.Key;
            var text = string.Join(',', group.Select(parameter => parameter.Value)).Trim();
            if (text.Length > MaxText) return null;
            if (text.Length == 0) continue;
            if (Add(query, group.Key, text, text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) is not { } next) return null;
            query = next;
        }

        fault = null;
        return query;
    }

    private static StudyQuery? Add(StudyQuery query, string name, string text, string[] values)
    {
        if (values.Length > MaxValues) return null;
        switch (name)
        {
            case "q":
                return Keywords.Parse(text) is { } keywords ? query with { Keywords = keywords } : null;
            case "report":
                return Keywords.Parse(text) is { } words ? query with { ReportText = words } : null;
            case "date":
                // 2026-03-01 is a day, and 20260301-20260331 a range; 2026-03-01/2026-03-31 too.
                return Date(text.Contains('/', StringComparison.Ordinal) || text.Count(c => c == '-') == 2
                    ? text.Replace("-", "", StringComparison.Ordinal).Replace('/', '-') : text) is { } date ? query with { StudyDate = date } : null;
            case "modality":
                return query with { ModalitiesInStudy = [.. values.Select(value => value.ToUpperInvariant())] };
            case "bodyPart":
                return query with { BodyParts = [.. values.Select(value => value.ToUpperInvariant())] };
            case "level":
                return Numbers(values, 1, 5) is { } levels ? query with { Levels = levels } : null;
            case "tier":
                return Enums<StorageTier>(values) is { } tiers ? query with { Tiers = tiers } : null;
            case "state":
                return Enums<StudyState>(values) is { } states ? query with { States = states } : null;
            case "tag":
                return query with { Tags = values };
            case "category":
                return query with { Categories = values };
            case "performing":
                return query with { Performing = text };
            case "sex":
                return query with { PatientSex = text.ToUpperInvariant() };
            case "age":
                return Age(query, text);
            case "patientId":
                return query with { PatientId = text };
            case "accession":
                return query with { AccessionNumber = text };
            case "finding":
                return values.All(value => value.Contains(':', StringComparison.Ordinal)) ? query with { Findings = values } : null;
            case "measurement":
                var keys = values.Select(Measurement).ToArray();
                return keys.Contains(null) ? null : query with { Measurements = keys! };
            default:
                return null;
        }
    }

    /// <summary>Days of the calendar only.</summary>
    private static DicomRange? Date(string text) =>
        DicomRange.Parse(text) is { } range && (range.From is null || IsDay(range.From)) && (range.To is null || IsDay(range.To)) ? range : null;

    private static bool IsDay(string text) => DateOnly.TryParseExact(text, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary><c>40-60</c>, <c>-17</c>, <c>65-</c>, or one age.</summary>
    private static StudyQuery? Age(StudyQuery query, string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        var (from, to) = dash < 0 ? (text, text) : (text[..dash], text[(dash + 1)..]);
        if (from.Length + to.Length == 0) return null;
        if ((from.Length > 0 && Numbers([from], 0, 150) is null) || (to.Length > 0 && Numbers([to], 0, 150) is null)) return null;
        return query with { AgeFrom = from.Length == 0 ? null : int.Parse(from, CultureInfo.InvariantCulture), AgeTo = to.Length == 0 ? null : int.Parse(to, CultureInfo.InvariantCulture) };
    }

    /// <summary><c>SCT:410668003:5..10:mm</c>: concept, range with one end or both, and perhaps the unit.</summary>
    private static MeasurementKey? Measurement(string text)
    {
        var parts = text.Split(':', 4);
        if (parts.Length < 3 || parts[2].Split("..") is not [var from, var to]) return null;
        if (Number(from, out var least) && Number(to, out var most)) return new MeasurementKey($"{parts[0]}:{parts[1]}", parts.Length == 4 ? parts[3] : null, least, most);
        return null;
    }

    private static bool Number(string text, out double? number)
    {
        number = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;
        return number is not null || text.Length == 0;
    }

    private static int[]? Numbers(string[] values, int least, int most)
    {
        var numbers = new int[values.Length];
        for (var i = 0; i < values.Length; i++)
            if (!int.TryParse(values[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] < least || numbers[i] > most) return null;
        return numbers;
    }

    private static TEnum[]? Enums<TEnum>(string[] values) where TEnum : struct, Enum
    {
        var found = new TEnum[values.Length];
        for (var i = 0; i < values.Length; i++)
            if (!char.IsAsciiLetter(values[i][0]) || !Enum.TryParse(values[i], ignoreCase: true, out found[i])) return null;
        return found;
    }
}
