using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Torture;

/// <summary>A short run of what <c>./dev torture archive</c> does at length.</summary>
public sealed class ArchiveTortureTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _work = Directory.CreateTempSubdirectory("skylight-torture-").FullName;

    public void Dispose() => Directory.Delete(_work, recursive: true);

    [Fact]
    public async Task Torture_TwentyKills_LosesNothing()
    {
        if (TortureRun.Unavailable() is { } reason) Assert.Skip(reason);
        var result = await new TortureRun(new TortureOptions(20, 4, _work), output.WriteLine).RunAsync(TestContext.Current.CancellationToken);
        Assert.True(result.Ok, $"{result}, failures {result.Failures}");
        Assert.Equal(20, result.Kills);
        Assert.True(result is { Acknowledged: > 0, PowerCuts: > 0, Faults: > 0 }, $"{result}");
        output.WriteLine($"{result.Pieces} later pieces of compression found, {result.BetweenPieces} series broken off between two");
    }
}
