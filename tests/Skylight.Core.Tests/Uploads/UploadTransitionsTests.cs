using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Uploads;

public sealed class UploadTransitionsTests
{
    /// <summary>Rows: states; columns: triggers in their order (complete, frozen, started, succeed, fail, cancel, expire); '-' is refused.</summary>
    private const string Table = """
        Open       Closing   -         -         -         -       Cancelled  Expired
        Closing    Closing   Starting  -         -         Failed  -          -
        Starting   Starting  -         Running   Completed Failed  -          -
        Running    Running   -         Running   Completed Failed  -          -
        Completed  Completed -         Completed Completed -       -          -
        Failed     Starting  -         Failed    -         Failed  -          -
        Cancelled  -         -         -         -         -       Cancelled  -
        Expired    -         -         -         -         -       -          Expired
        """;

    [Fact]
    public void Next_OfEveryStateAndTrigger_IsTheTable()
    {
        var rows = Table.Split('\n', StringSplitOptions.TrimEntries).Select(r => r.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToArray();
        Assert.Equal(Enum.GetNames<UploadState>(), rows.Select(r => r[0]));
        foreach (var row in rows)
        {
            Assert.Equal(Enum.GetValues<UploadTrigger>().Length, row.Length - 1);
            foreach (var trigger in Enum.GetValues<UploadTrigger>())
            {
                var next = UploadTransitions.Next(Enum.Parse<UploadState>(row[0]), trigger);
                Assert.Equal($"{row[0]} {trigger} {row[1 + (int)trigger]}", $"{row[0]} {trigger} {next?.ToString() ?? "-"}");
            }
        }
    }

    [Fact]
    public void Live_IsWhatHoldsAPlaceInTheQuota() =>
        Assert.Equal([UploadState.Open, UploadState.Closing, UploadState.Starting, UploadState.Running], Enum.GetValues<UploadState>().Where(UploadTransitions.IsLive));

    [Theory]
    [InlineData("up-abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz")]
    [InlineData("up-abcdefghijklmnopqrstuvwxy1", null)]
    [InlineData("up-ABCDEFGHIJKLMNOPQRSTUVWXYZ", null)]
    [InlineData("up-abc", null)]
    [InlineData("xx-abcdefghijklmnopqrstuvwxyz", null)]
    [InlineData(null, null)]
    public void OfContainer_TakesOnlyItsOwnForm(string? container, string? id) => Assert.Equal(id, UploadId.OfContainer(container));
}
