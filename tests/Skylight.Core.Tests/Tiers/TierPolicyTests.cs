using Skylight.Core.Catalog;
using Skylight.Core.Tiers;

namespace Skylight.Core.Tests.Tiers;

public sealed class TierPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Keep = TimeSpan.FromDays(14);
    private static readonly TierPolicy Policy = new(1, [new TierRule(["MG"], null, null, 90, 365, null), new TierRule(null, ["checkup"], null, null, null, 180), new TierRule(null, null, null, 30, 180, 730)]);

    [Theory]
    [InlineData(10, "CT", null, null, StorageTier.Hot)]
    [InlineData(30, "CT", null, null, StorageTier.Warm)]
    [InlineData(200, "CT", null, null, StorageTier.Cold)]
    [InlineData(800, "CT", null, null, StorageTier.Archive)]
    [InlineData(800, "CT", null, 13, StorageTier.Cold)]
    [InlineData(800, "CT", null, 15, StorageTier.Archive)]
    [InlineData(60, "MG", null, null, StorageTier.Hot)]
    [InlineData(9000, "MG", null, null, StorageTier.Cold)]
    [InlineData(100, "CT", "checkup", null, StorageTier.Hot)]
    [InlineData(200, "CT", "checkup", null, StorageTier.Archive)]
    public void Wanted_ByAgeUseModalityAndCategory(int days, string modality, string? category, int? readDaysAgo, StorageTier expected)
    {
        var study = Summary(days) with { Attributes = new StudyAttributes { Modalities = [modality] }, Categories = category is null ? [] : [category] };
        Assert.Equal(expected, Policy.Wanted(study, readDaysAgo is { } read ? Now.AddDays(-read) : null, Keep, Now));
    }

    [Fact]
    public void Wanted_WithoutARuleThatFits_StaysWhereItIs() =>
        Assert.Equal(StorageTier.Cold, TierPolicy.None.Wanted(Summary(9000) with { Tier = StorageTier.Cold }, null, Keep, Now));

    [Fact]
    public void Faults_NameWhatCannotBeTaken()
    {
        Assert.Empty(Policy.Faults());
        Assert.Equal(["rules[0].coldAfterDays", "rules[1].archiveAfterDays"], new TierPolicy(1, [new TierRule(null, null, null, 30, 10, null), new TierRule(null, null, null, 30, null, 20)]).Faults());
        Assert.Equal(["rules"], new TierPolicy(1, [.. Enumerable.Repeat(new TierRule(null, null, null, null, null, null), 51)]).Faults());
    }

    private static StudySummary Summary(int days) => new() { StudyKey = "k", StudyInstanceUid = "1.2", PatientKey = "p", Attributes = new StudyAttributes(), ReceivedAt = Now.AddDays(-days), State = StudyState.Complete };
}
