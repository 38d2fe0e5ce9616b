using Skylight.Azure.Cosmos;

namespace Skylight.Azure.Tests.Cosmos;

/// <summary>A writer whose answer was lost learns from the item whether its write counts, or that nobody can say any more.</summary>
public sealed class WriteTrailTests
{
    [Theory]
    [InlineData(0, true, true)]
    [InlineData(31, true, true)]
    [InlineData(32, true, null)]
    [InlineData(1, false, false)]
    [InlineData(30, false, false)]
    [InlineData(40, false, null)]
    public void Applied_AfterOtherWrites_TellsWhileTheHistoryReachesBack(int others, bool applied, bool? expected)
    {
        var trail = Trail(["base"], 40);
        var written = WriteTrail.Extend(trail, "mine");
        Assert.Equal(expected, WriteTrail.Applied(Trail(applied ? written : trail, others), written));
    }

    [Fact]
    public void Applied_WhereTheWholeHistoryIsKept_IsCertain() => Assert.False(WriteTrail.Applied(Trail(["first"], 5), ["mine"]));

    private static IReadOnlyList<string> Trail(IReadOnlyList<string> start, int writes)
    {
        for (var i = 0; i < writes; i++) start = WriteTrail.Extend(start, WriteTrail.NewId());
        return start;
    }
}
