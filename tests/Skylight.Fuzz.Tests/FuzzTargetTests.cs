namespace Skylight.Fuzz.Tests;

/// <summary>A short run of every target with each build; <c>./dev fuzz</c> makes the long ones. SKYLIGHT_FUZZ sets the number of inputs for each target.</summary>
public sealed class FuzzTargetTests
{
    private static readonly long s_inputs = long.TryParse(Environment.GetEnvironmentVariable("SKYLIGHT_FUZZ"), out var n) ? n : 1500;

    public static TheoryData<string> Names => new(FuzzTargets.All.Select(t => t.Name));

    public static TheoryData<string, string> Kept => [.. FuzzTargets.All.SelectMany(t => KeptInputs.Of(t.Name).Select(k => new TheoryDataRow<string, string>(t.Name, k.Name)))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Run_MutatedInputs_HoldsEveryProperty(string name)
    {
        var report = new FuzzRun(Target(name), 20260101, []).Run(s_inputs, TestContext.Current.CancellationToken);
        Assert.True(report.Runs >= s_inputs);
        Assert.True(report.Failures.Count == 0, string.Join('\n', report.Failures.Select(f => $"{f.Message}\n{Convert.ToBase64String(f.Input)}")));
    }

    /// <summary>What once broke something stays mended, however the bytes are cut.</summary>
    [Theory]
    [MemberData(nameof(Kept))]
    public void Replay_KeptInput_IsMended(string name, string file)
    {
        var input = KeptInputs.Of(name).Single(k => k.Name == file).Input;
        Assert.Null(FuzzRun.Replay(Target(name), input, 200));
    }

    [Fact]
    public void Kept_Folders_BelongToTargets() => Assert.Empty(KeptInputs.Folders.Except(FuzzTargets.All.Select(t => t.Name)));

    private static FuzzTarget Target(string name) => FuzzTargets.All.Single(t => t.Name == name);
}
