using Skylight.Azure.Costs;

namespace Skylight.Azure.Tests.Costs;

public sealed class RequestUnitEstimateTests
{
    [Theory]
    [InlineData(200, 2.0, 4.95)]
    [InlineData(1 << 10, 2.0, 4.95)]
    [InlineData(3 << 10, 2.18, 6.48)]
    [InlineData(64 << 10, 9.52, 22.67)]
    [InlineData(2 << 20, 583.6, 1250)]
    [InlineData(4 << 20, 1167.2, 2500)]
    public void Estimate_FollowsTheTable_AndDoublesReads(int bytes, double read, double write) =>
        Assert.Equal((read, write), (Math.Round(RequestUnitEstimate.Read(bytes), 2), Math.Round(RequestUnitEstimate.Write(bytes), 2)));
}
