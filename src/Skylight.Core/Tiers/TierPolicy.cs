using Skylight.Core.Catalog;

namespace Skylight.Core.Tiers;

/// <summary>
/// When an institution's studies become colder. The first rule that fits a study applies; a study that none fits stays where it is. Days count from the
/// arrival of its newest instance.
/// </summary>
/// <param name="Rules">In order; at most 50.</param>
public sealed record TierPolicy(int V, IReadOnlyList<TierRule> Rules)
{
    public const int MaxRules = 50;

    /// <summary>No institution's data moves before somebody has said so.</summary>
    public static TierPolicy None { get; } = new(1, []);

    /// <summary>The tier that a study should be in.</summary>
    /// <param name="accessedAt">When it was last read, or rehydrated; null when that is not known.</param>
    /// <param name="keep">A study that was read within this time is not archived.</param>
    public StorageTier Wanted(StudySummary study, DateTimeOffset? accessedAt, TimeSpan keep, DateTimeOffset now)
    {
        if (Rules.FirstOrDefault(rule => rule.Fits(study)) is not { } rule) return study.Tier;
        var wanted = rule.At((now - study.ReceivedAt).TotalDays);
        var recent = accessedAt is { } accessed && now - accessed < keep;
        return recent && wanted == StorageTier.Archive ? StorageTier.Cold : wanted;
    }

    /// <summary>Names of the rules' fields that cannot be taken; empty when all is well.</summary>
    public IReadOnlyList<string> Faults() =>
        [.. Rules.Count > MaxRules ? ["rules"] : (string[])[], .. Rules.SelectMany((rule, i) => rule.Faults().Select(fault => FormattableString.Invariant($"rules[{i}].{fault}")))];
}

/// <summary>One rule. Empty selectors fit every study; days are null for a tier that is never entered.</summary>
/// <param name="Modalities">A study with any of them.</param>
/// <param name="Categories">A study with any of them (check-up, teaching …): the retention class.</param>
/// <param name="Performing">Performed by this institution.</param>
public sealed record TierRule(
    IReadOnlyList<string>? Modalities, IReadOnlyList<string>? Categories, string? Performing, int? WarmAfterDays, int? ColdAfterDays, int? ArchiveAfterDays)
{
    private const int MaxDays = 36_500;

    public bool Fits(StudySummary study) =>
        (Modalities is not { Count: > 0 } || Modalities.Any(study.Attributes.Modalities.Contains))
        && (Categories is not { Count: > 0 } || Categories.Any(study.Categories.Contains))
        && (Performing is null || Performing == study.Performing);

    public StorageTier At(double days) =>
        days >= ArchiveAfterDays ? StorageTier.Archive
        : days >= ColdAfterDays ? StorageTier.Cold
        : days >= WarmAfterDays ? StorageTier.Warm
        : StorageTier.Hot;

    internal IEnumerable<string> Faults()
    {
        if (WarmAfterDays is < 0 or > MaxDays) yield return "warmAfterDays";
        if (ColdAfterDays is < 0 or > MaxDays || ColdAfterDays < WarmAfterDays) yield return "coldAfterDays";
        if (ArchiveAfterDays is < 0 or > MaxDays || ArchiveAfterDays < ColdAfterDays || ArchiveAfterDays < WarmAfterDays) yield return "archiveAfterDays";
        if (Modalities is { Count: > 50 }) yield return "modalities";
        if (Categories is { Count: > 50 }) yield return "categories";
    }
}
