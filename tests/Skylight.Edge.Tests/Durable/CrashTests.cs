using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Skylight.CrashWorker;

namespace Skylight.Edge.Tests.Durable;

/// <summary>Kills a process that runs orchestrations, many times at random points, and looks whether anything acknowledged was lost or any result applied twice.</summary>
public sealed class CrashTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-crash-").FullName;

    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("SKYLIGHT_CRASH_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 20;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Kill_ManyTimesUnderLoad_LosesNothingAndAppliesNoResultTwice()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("SKYLIGHT_CRASH_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"SKYLIGHT_CRASH_SEED={seed}");
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++) await KillAsync(random, duringStart: round % 5 == 4);
        using var last = Start("finish");
        await last.WaitForExitAsync();
        Assert.Equal(0, last.ExitCode);
        Check();
    }

    private async Task KillAsync(Random random, bool duringStart)
    {
        using var process = Start();
        if (duringStart)
        {
            await Task.Delay(random.Next(400));
        }
        else
        {
            // So many acknowledgements into its life, whatever the speed of the machine.
            for (var left = random.Next(1, 250); left > 0; left--) Assert.NotNull(await process.StandardOutput.ReadLineAsync());
        }

        process.Kill();
        await process.WaitForExitAsync();
    }

    private Process Start(string? verb = null)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet") { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(CrashFlows).Assembly.Location);
        start.ArgumentList.Add(_folder);
        if (verb is not null) start.ArgumentList.Add(verb);
        return Process.Start(start)!;
    }

    private void Check()
    {
        var acks = File.ReadAllLines(Path.Combine(_folder, "acks.log")).Select(line => line.Split(' ')).ToLookup(words => words[0], words => words[1]);
        var results = JsonSerializer.Deserialize<Dictionary<string, string?>>(File.ReadAllText(Path.Combine(_folder, "results.json")))!;
        var outputs = results.Where(result => !result.Key.Contains("-inner", StringComparison.Ordinal)).ToDictionary(result => result.Key, result => JsonSerializer.Deserialize<List<string>>(result.Value!)!);
        Assert.NotEmpty(acks["chain"]);
        Assert.NotEmpty(acks["event"]);
        Assert.All(acks["chain"].Concat(acks["collect"]), id => Assert.Contains(id, outputs.Keys));

        var runs = File.ReadAllLines(Path.Combine(_folder, "effects.log")).Select(line => line.Split(' ')).ToLookup(words => (Instance: words[0], Step: words[1]), words => (Before: words[2], Result: words[3]));
        foreach (var step in runs) Assert.True(step.Select(run => run.Before).Distinct().Count() == 1, $"{step.Key} was given two results of the step before it.");
        foreach (var (id, output) in outputs.Where(result => result.Key.StartsWith("chain", StringComparison.Ordinal))) CheckChain(id, output, runs);

        var collected = outputs.Where(result => result.Key.StartsWith("collect", StringComparison.Ordinal)).SelectMany(result => result.Value).ToList();
        Assert.Equal(collected.Count, collected.Distinct().Count());
        Assert.All(acks["event"], item => Assert.Contains(item, collected));
        TestContext.Current.TestOutputHelper?.WriteLine($"{outputs.Count} orchestrations, {runs.Sum(step => step.Count())} activity runs for {runs.Count} steps, {collected.Count} events, {Rounds} kills");
    }

    private static void CheckChain(string id, List<string> output, ILookup<(string Instance, string Step), (string Before, string Result)> runs)
    {
        Assert.Equal(10, output.Count);
        Assert.Equal("start1", output[0]);
        string[] steps = ["1.0", "1.1", "1.wide0", "1.wide1", "1.wide2", "1.wide3", "1.wide4", "inner", "1.last"];
        for (var i = 0; i < steps.Length; i++)
        {
            var instance = steps[i] == "inner" ? id + "-inner1" : id;
            var before = steps[i] switch { "inner" => string.Join('|', output[3..8]), var wide when wide.Contains("wide", StringComparison.Ordinal) => output[2], _ => output[i] };
            Assert.Contains((before, output[i + 1]), runs[(instance, steps[i])]);
        }
    }
}
