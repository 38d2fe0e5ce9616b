using System.Diagnostics;
using System.Globalization;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Benchmarks.Durable;

/// <summary>The durable engine with real commits (each fsynced) on the disk of <c>--data</c>, by default the temporary folder's.</summary>
internal static class DurableBench
{
    private const int Width = 1000;
    private const int Chains = 2000;

    /// <summary>Rounds before the ones that count: the code is compiled for good after some thousand calls.</summary>
    private const int WarmUp = 3;
    private static readonly int[] Histories = [500, 1000, 2000, 5000];

    public static async Task<int> RunAsync(string[] options)
    {
        var rounds = 7;
        var root = Path.GetTempPath();
        for (var i = 0; i + 1 < options.Length; i += 2)
        {
            if (options[i] == "--rounds") rounds = int.Parse(options[i + 1], CultureInfo.InvariantCulture);
            else if (options[i] == "--data") root = options[i + 1];
        }

        var folder = Directory.CreateDirectory(Path.Combine(root, $"skylight-bench-{Environment.ProcessId}")).FullName;
        try
        {
            await FanOutAsync(folder, rounds);
            await ChainsAsync(folder, rounds);
            await ReplayAsync(folder, rounds);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task FanOutAsync(string folder, int rounds)
    {
        await using var engine = await StartAsync(folder, "fan-out.db");
        var rates = new List<double>();
        var cpu = TimeSpan.Zero;
        for (var round = 0; round < rounds + WarmUp; round++)
        {
            if (round == WarmUp) cpu = Environment.CpuUsage.TotalTime;
            var watch = Stopwatch.StartNew();
            var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(DurableFlows.FanOut), Width);
            await EndAsync(engine.Client, id);
            if (round >= WarmUp) rates.Add(Width / watch.Elapsed.TotalSeconds);
        }

        Print($"fan-out of {Width} no-op activities", "activities/s", rates, 5000);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  processor time: {(Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / (Width * rounds):0.0} µs an activity"));
    }

    private static async Task ChainsAsync(string folder, int rounds)
    {
        await using var engine = await StartAsync(folder, "chains.db");
        var rates = new List<double>();
        for (var round = 0; round < rounds + WarmUp; round++)
        {
            var watch = Stopwatch.StartNew();
            await Parallel.ForAsync(0, Chains, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, cancellation) =>
            {
                var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(DurableFlows.Three), i, cancellation);
                await EndAsync(engine.Client, id);
            });
            if (round >= WarmUp) rates.Add(Chains / watch.Elapsed.TotalSeconds);
        }

        Print($"{Chains} orchestrations of 3 sequential activities, 64 at once", "orchestrations/s", rates, 500);
    }

    private static async Task ReplayAsync(string folder, int rounds)
    {
        foreach (var events in Histories)
        {
            var file = $"replay-{events}.db";
            await using (var engine = await StartAsync(folder, file))
            {
                await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(DurableFlows.Long), events, new StartOrchestrationOptions("long"));
                await PokedAsync(engine.Client, 0);
            }

            var times = new List<double>();
            for (var round = 1; round <= rounds + 1; round++)
            {
                await using var engine = await StartAsync(folder, file);
                var watch = Stopwatch.StartNew();
                await engine.Client.RaiseEventAsync("long", "poke", true);
                await PokedAsync(engine.Client, round);
                if (round > 1) times.Add(watch.Elapsed.TotalMilliseconds);
            }

            times.Sort();
            var median = times[times.Count / 2];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"replay of {events,5} events: median {median:0.0} ms, {median * 1000 / events:0.0} µs an event (from the event that wakes it to its stored answer)"));
        }
    }

    private static async Task PokedAsync(DurableTaskClient client, int times)
    {
        while ((await client.GetInstanceAsync("long", true))?.SerializedCustomStatus != times.ToString(CultureInfo.InvariantCulture)) await Task.Delay(1);
    }

    private static async Task EndAsync(DurableTaskClient client, string id)
    {
        var ended = await client.WaitForInstanceCompletionAsync(id, CancellationToken.None);
        if (ended.RuntimeStatus != OrchestrationRuntimeStatus.Completed) throw new InvalidOperationException($"{id} ended as {ended.RuntimeStatus}: {ended.FailureDetails?.ErrorMessage}");
    }

    private static async Task<DurableEngine> StartAsync(string folder, string file)
    {
        var services = new ServiceCollection().AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning)).BuildServiceProvider();
        var engine = new DurableEngine(Path.Combine(folder, file), [typeof(DurableBench).Assembly], services, new DurableOptions());
        await engine.StartAsync(CancellationToken.None);
        return engine;
    }

    private static void Print(string what, string unit, List<double> rates, int aim)
    {
        rates.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{what}: median {rates[rates.Count / 2]:0} {unit}, best {rates[^1]:0}, worst {rates[0]:0} (aim {aim})"));
    }
}
