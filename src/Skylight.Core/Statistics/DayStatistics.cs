using Skylight.Core.Catalog;

namespace Skylight.Core.Statistics;

/// <summary>
/// Counts of the visible studies of one study date, kept as a document: what statistics are summed from, so that none of them scans studies. Counts only: no
/// name, key or UID.
/// </summary>
/// <param name="Day">Study date, <c>YYYYMMDD</c>, or <see cref="NoDay"/>.</param>
/// <param name="Cells">One for each combination that occurs.</param>
public sealed record DayStatistics(int V, string Day, DateTimeOffset CountedAt, IReadOnlyList<StatisticsCell> Cells)
{
    /// <summary>Studies without a date.</summary>
    public const string NoDay = "none";

    /// <summary>The day that a study counts for.</summary>
    public static string DayOf(StudyAttributes attributes) => StudyFilter.SortKey(attributes) is { Length: >= 8 } sort ? sort[..8] : NoDay;
}

/// <summary>What studies have in common.</summary>
/// <param name="Modalities">All modalities of a study, joined by <c>+</c> in ordinal order: <c>CT+SR</c>.</param>
/// <param name="BodyParts">All its body parts, likewise; null in counts of before there were any.</param>
/// <param name="Department">As <see cref="StudyAttributes.Department"/>; empty where the study names none.</param>
public readonly record struct StatisticsKey(string Modalities, StorageTier Tier, int Level, string Performing, StudyState State, string? BodyParts = null, string? Department = null)
{
    public static StatisticsKey Of(StudySummary study) => new(
        string.Join('+', study.Attributes.Modalities), study.Tier, study.Level, study.Performing ?? "", study.State, string.Join('+', study.BodyParts), study.Attributes.Department ?? "");
}

public sealed record StatisticsCell(StatisticsKey Key, long Studies, long Instances, long Bytes);

/// <summary>Adds studies up, day by day.</summary>
internal sealed class StatisticsCount
{
    private readonly Dictionary<string, Dictionary<StatisticsKey, StatisticsCell>> _days = new(StringComparer.Ordinal);

    public IEnumerable<string> Days => _days.Keys;

    public void Add(StudySummary study)
    {
        var day = DayStatistics.DayOf(study.Attributes);
        if (!_days.TryGetValue(day, out var cells)) _days[day] = cells = [];
        var key = StatisticsKey.Of(study);
        var cell = cells.GetValueOrDefault(key) ?? new StatisticsCell(key, 0, 0, 0);
        cells[key] = cell with { Studies = cell.Studies + 1, Instances = cell.Instances + study.Instances, Bytes = cell.Bytes + study.Bytes };
    }

    public IReadOnlyList<StatisticsCell> Of(string day) =>
        _days.TryGetValue(day, out var cells) ? [.. cells.Values.OrderBy(cell => cell.Key.ToString(), StringComparer.Ordinal)] : [];
}
