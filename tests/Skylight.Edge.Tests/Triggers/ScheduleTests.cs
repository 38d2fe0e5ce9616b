using System.Globalization;
using Skylight.Edge.Runtime.Triggers.Timers;

namespace Skylight.Edge.Tests.Triggers;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData("0 */5 * * * *", "2026-03-04T05:06:07", "2026-03-04T05:10:00")]
    [InlineData("0 0 * * * *", "2026-03-04T05:00:00", "2026-03-04T06:00:00")]
    [InlineData("*/15 * * * * *", "2026-03-04T05:06:45.5", "2026-03-04T05:07:00")]
    [InlineData("30 59 23 31 12 *", "2026-03-04T05:06:07", "2026-12-31T23:59:30")]
    [InlineData("0 30 9 * Jan Mon", "2026-03-04T05:06:07", "2027-01-04T09:30:00")]
    [InlineData("0 0 2 * * 1-5", "2026-03-06T02:00:00", "2026-03-09T02:00:00")]
    [InlineData("0 0 0 29 2 *", "2026-03-04T05:06:07", "2028-02-29T00:00:00")]
    [InlineData("0 0 0 13 * FRI", "2026-03-14T00:00:00", "2026-11-13T00:00:00")]
    [InlineData("5/20 0 0 1 1,7 *", "2026-06-30T23:59:59", "2026-07-01T00:00:05")]
    [InlineData("0 8-18/4 * * *", "2026-03-04T12:00:00", "2026-03-04T16:00:00")]
    [InlineData("00:05:00", "2026-03-04T05:06:07", "2026-03-04T05:11:07")]
    [InlineData("1.00:00:00", "2026-03-04T05:06:07", "2026-03-05T05:06:07")]
    public void Next_Expression_IsTheFirstTimeAfter(string expression, string after, string expected) =>
        Assert.Equal(Utc(expected), Schedule.Parse(expression).Next(Utc(after)));

    [Fact]
    public void Next_ADayThatNeverComes_IsNull() => Assert.Null(Schedule.Parse("0 0 0 30 2 *").Next(Utc("2026-01-01T00:00:00")));

    [Theory]
    [InlineData("")]
    [InlineData("* * * *")]
    [InlineData("60 * * * * *")]
    [InlineData("* * 24 * * *")]
    [InlineData("* * * 0 * *")]
    [InlineData("* * * * 13 *")]
    [InlineData("* * * * * 7")]
    [InlineData("* * * * * Funday")]
    [InlineData("*/0 * * * * *")]
    [InlineData("5-1 * * * * *")]
    [InlineData("a * * * * *")]
    [InlineData("1,,2 * * * * *")]
    [InlineData("00:00:00")]
    [InlineData("-00:05:00")]
    public void Parse_NotASchedule_IsRefused(string expression) => Assert.Throws<FormatException>(() => Schedule.Parse(expression));

    [Fact]
    public void Next_AnyExpression_AgreesWithCountingSeconds()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var fields = new[] { (0, 59), (0, 59), (0, 23) }.Select(f => Field(random, f.Item1, f.Item2)).ToArray();
            var schedule = Schedule.Parse($"{fields[0].Text} {fields[1].Text} {fields[2].Text} * * *");
            var start = Utc("2026-03-04T00:00:00").AddSeconds(random.Next(86400));
            var expected = start.AddSeconds(1);
            while (!fields[0].Set.Contains(expected.Second) || !fields[1].Set.Contains(expected.Minute) || !fields[2].Set.Contains(expected.Hour)) expected = expected.AddSeconds(1);
            Assert.Equal(expected, schedule.Next(start));
        }
    }

    private static (string Text, HashSet<int> Set) Field(Random random, int min, int max)
    {
        switch (random.Next(4))
        {
            case 0:
                return ("*", [.. Enumerable.Range(min, max - min + 1)]);
            case 1:
                var step = random.Next(1, 20);
                return ($"*/{step}", [.. Enumerable.Range(min, max - min + 1).Where(v => (v - min) % step == 0)]);
            case 2:
                var first = random.Next(min, max);
                var last = random.Next(first, max + 1);
                return ($"{first}-{last}", [.. Enumerable.Range(first, last - first + 1)]);
            default:
                int[] values = [random.Next(min, max + 1), random.Next(min, max + 1), random.Next(min, max + 1)];
                return (string.Join(',', values), [.. values]);
        }
    }

    private static DateTime Utc(string text) => DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
}
