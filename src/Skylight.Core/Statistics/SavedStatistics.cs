using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Statistics;

/// <summary>What a statistic is counted by.</summary>
public enum StatisticsDimension
{
    Day,
    Month,
    Modality,
    Tier,
    Level,
    Performing,
    State,

    /// <summary>A study counts for each of its body parts.</summary>
    BodyPart,

    /// <summary>Institutional Department Name, else Requesting Service.</summary>
    Department,
}

/// <summary>A saved statistic.</summary>
/// <param name="By">Up to three dimensions; none for the total.</param>
/// <param name="From">First study date, <c>YYYYMMDD</c>; null for all before.</param>
/// <param name="Modality">Only studies with this modality.</param>
/// <param name="Tier">Only studies in this tier.</param>
public sealed record StatisticsDefinition(int V, string Name, IReadOnlyList<StatisticsDimension> By, string? From, string? To, string? Modality, StorageTier? Tier)
{
    /// <summary>Names of fields that cannot be taken.</summary>
    public IEnumerable<string> Faults()
    {
        if (Name.Length is 0 or > 100 || Name.Any(char.IsControl)) yield return "name";
        if (By.Count > 3 || By.Distinct().Count() != By.Count || By.Any(dimension => !Enum.IsDefined(dimension))) yield return "by";
        if (!IsDay(From)) yield return "from";
        if (!IsDay(To)) yield return "to";
        if (Modality is { Length: 0 or > 16 }) yield return "modality";
    }

    private static bool IsDay(string? day) => day is null || DateOnly.TryParseExact(day, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
}

/// <summary>One line of a result.</summary>
/// <param name="Keys">Values of the dimensions, in their order. By modality a study counts for each of its modalities.</param>
public sealed record StatisticsRow(IReadOnlyList<string> Keys, long Studies, long Instances, long Bytes);

/// <summary>A statistic's result, as it was at <paramref name="CountedAt"/>.</summary>
/// <param name="Cut">There were more lines than a result holds.</param>
/// <param name="Withheld">Lines by body part or department with too few studies to be told apart, which stand together in one line, or in none.</param>
public sealed record StatisticsResult(DateTimeOffset CountedAt, IReadOnlyList<StatisticsRow> Rows, bool Cut, int Withheld = 0);

/// <summary>Saved statistics of an institution, with their last results.</summary>
public sealed class SavedStatistics(IDocuments documents, StatisticsKeeper keeper, TimeProvider time)
{
    /// <summary>A result younger than this is given again.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10);

    private const string Type = "statistics";
    private const int MaxRows = 1000;

    /// <summary>By body part and department, fewer studies than this might be known by whoever reads the line.</summary>
    internal const int SmallestCount = 10;

    /// <summary>Key of the line that stands for those with too few.</summary>
    internal const string Other = "other";

    public sealed record Saved(StatisticsDefinition Definition, StatisticsResult? Result);

    /// <param name="id">Of a request that may be repeated; what it made the first time stays. Null for one of its own.</param>
    /// <returns>Its id, and the definition that it has.</returns>
    public async ValueTask<(string Id, StatisticsDefinition Definition)> AddAsync(string institution, StatisticsDefinition definition, string? id, CancellationToken cancellationToken)
    {
        var key = new DocumentKey(institution, Type, id ?? RandomNumberGenerator.GetHexString(16, lowercase: true));
        try
        {
            await documents.PutAsync(key, new Saved(definition, null), Match.None, [], cancellationToken);
            return (key.Id, definition);
        }
        catch (DocumentConflictException) when (id is not null)
        {
            return (key.Id, (await documents.GetAsync<Saved>(key, cancellationToken))?.Value.Definition ?? definition);
        }
    }

    public ValueTask<DocumentPage<Saved>> ListAsync(string institution, int limit, string? next, CancellationToken cancellationToken) =>
        documents.ListAsync<Saved>(institution, Type, null, limit, next, cancellationToken);

    public ValueTask<bool> RemoveAsync(string institution, string id, CancellationToken cancellationToken) =>
        documents.DeleteAsync(new DocumentKey(institution, Type, id), Match.Any, cancellationToken);

    /// <summary>The statistic with its result, counted from the kept days unless that was done a moment ago; null when there is no such statistic.</summary>
    public async ValueTask<Saved?> ResultAsync(string institution, string id, bool refresh, CancellationToken cancellationToken)
    {
        if (await documents.GetAsync<Saved>(new DocumentKey(institution, Type, id), cancellationToken) is not { } stored) return null;
        if (!refresh && stored.Value.Result is { } known && time.GetUtcNow() - known.CountedAt < Fresh) return stored.Value;
        var counted = stored.Value with { Result = Count(stored.Value.Definition, await keeper.DaysAsync(institution, cancellationToken), time.GetUtcNow()) };
        try
        {
            await documents.PutAsync(new DocumentKey(institution, Type, id), counted, Match.Version(stored.ETag), [], cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Counted by another request at the same time, or removed: this result is as good.
        }

        return counted;
    }

    /// <summary>Sums kept days up.</summary>
    internal static StatisticsResult Count(StatisticsDefinition definition, IEnumerable<DayStatistics> days, DateTimeOffset now)
    {
        var rows = new SortedDictionary<string, StatisticsRow>(StringComparer.Ordinal);
        foreach (var day in days.Where(day => (definition.From is null || string.CompareOrdinal(day.Day, definition.From) >= 0) && (definition.To is null || string.CompareOrdinal(day.Day, definition.To) <= 0)))
        {
            foreach (var cell in day.Cells)
            {
                var modalities = cell.Key.Modalities.Split('+');
                if ((definition.Modality is { } modality && !modalities.Contains(modality)) || (definition.Tier is { } tier && cell.Key.Tier != tier)) continue;
                string[] each = definition.By.Contains(StatisticsDimension.Modality) ? modalities : [""];
                string[] parts = definition.By.Contains(StatisticsDimension.BodyPart) ? (cell.Key.BodyParts ?? "").Split('+') : [""];
                foreach (var (one, part) in each.SelectMany(one => parts.Select(part => (one, part))))
                {
                    var keys = definition.By.Select(dimension => Value(dimension, day.Day, one, part, cell.Key)).ToArray();
                    var id = string.Join('\n', keys);
                    var row = rows.GetValueOrDefault(id) ?? new StatisticsRow(keys, 0, 0, 0);
                    rows[id] = row with { Studies = row.Studies + cell.Studies, Instances = row.Instances + cell.Instances, Bytes = row.Bytes + cell.Bytes };
                }
            }
        }

        var told = rows.Values.ToList();
        var withheld = definition.By.Any(dimension => dimension is StatisticsDimension.BodyPart or StatisticsDimension.Department) ? Withhold(told, definition.By.Count) : 0;
        return new StatisticsResult(now, [.. told.Take(MaxRows)], told.Count > MaxRows, withheld);
    }

    /// <summary>Puts the lines with too few studies together; answers how many there were. What are still too few is left out.</summary>
    private static int Withhold(List<StatisticsRow> rows, int dimensions)
    {
        var few = rows.FindAll(row => row.Studies < SmallestCount);
        rows.RemoveAll(few.Contains);
        if (few.Sum(row => row.Studies) >= SmallestCount)
            rows.Add(new StatisticsRow([.. Enumerable.Repeat(Other, dimensions)], few.Sum(row => row.Studies), few.Sum(row => row.Instances), few.Sum(row => row.Bytes)));
        return few.Count;
    }

    private static string Value(StatisticsDimension dimension, string day, string modality, string part, StatisticsKey key) => dimension switch
    {
        StatisticsDimension.Day => day,
        StatisticsDimension.Month => day == DayStatistics.NoDay ? day : day[..6],
        StatisticsDimension.Modality => modality,
        StatisticsDimension.Tier => JsonNamingPolicy.CamelCase.ConvertName(key.Tier.ToString()),
        StatisticsDimension.Level => key.Level.ToString(CultureInfo.InvariantCulture),
        StatisticsDimension.Performing => key.Performing,
        StatisticsDimension.BodyPart => part,
        StatisticsDimension.Department => key.Department ?? "",
        _ => JsonNamingPolicy.CamelCase.ConvertName(key.State.ToString()),
    };
}
