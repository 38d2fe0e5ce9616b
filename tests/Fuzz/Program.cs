using System.Diagnostics;
using System.Globalization;
using Skylight.Fuzz;

const string Usage = "usage: ./dev fuzz [TARGET…] [--runs 20000] [--seed 1] [--keep DIR] [--replay FILE]   (runs and seed for each target; --keep writes failing inputs)";
long runs = 20_000;
var seed = 1;
string? keep = null, replay = null;
var names = new List<string>();
for (var i = 0; i < args.Length; i++)
{
    var inv = CultureInfo.InvariantCulture;
    switch (args[i])
    {
        case "--replay" when i + 1 < args.Length: replay = args[++i]; break;
        case "--runs" when i + 1 < args.Length && long.TryParse(args[i + 1], inv, out runs): i++; break;
        case "--seed" when i + 1 < args.Length && int.TryParse(args[i + 1], inv, out seed): i++; break;
        case "--keep" when i + 1 < args.Length: keep = args[++i]; break;
        case ['-', ..]: return Refuse(Usage);
        default: names.Add(args[i]); break;
    }
}

var unknown = names.Except(FuzzTargets.All.Select(t => t.Name)).ToList();
if (unknown.Count > 0) return Refuse($"There is no target {string.Join(", ", unknown)}. Targets: {string.Join(' ', FuzzTargets.All.Select(t => t.Name))}\n{Usage}");
if (replay is not null)
{
    // One input, with a thousand different cuts and choices.
    var input = File.ReadAllBytes(replay);
    foreach (var target in FuzzTargets.All.Where(t => names.Contains(t.Name)))
        if (FuzzRun.Replay(target, input, 1000) is { } failure) Show(failure);
        else Console.WriteLine($"{target.Name}: nothing is wrong with {replay}");
    return 0;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
long total = 0;
var failed = 0;
Console.WriteLine($"{"target",-12} {"inputs",10} {"refused",10} {"behaviours",10} {"slowest ms",10} {"a second",9} {"failures",8}");
foreach (var target in FuzzTargets.All.Where(t => names.Count == 0 || names.Contains(t.Name)))
{
    if (stop.IsCancellationRequested) break;
    var run = new FuzzRun(target, seed, [.. KeptInputs.Of(target.Name).Select(k => k.Input)]);
    using var watchdog = new Timer(_ => Watch(target, run), null, 1000, 1000);
    var clock = Stopwatch.StartNew();
    var report = run.Run(runs, stop.Token);
    total += report.Runs;
    failed += report.Failures.Count;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{report.Target,-12} {report.Runs,10} {report.Refused,10} {report.Behaviours,10} {report.Slowest,10:F1} {report.Runs / clock.Elapsed.TotalSeconds,9:F0} {report.Failures.Count,8}"));
    foreach (var failure in report.Failures) Show(failure);
}

Console.WriteLine($"{total} inputs, {failed} failures");
return failed == 0 ? 0 : 1;

void Show(Failure failure)
{
    Console.WriteLine($"  {failure.Target}, {failure.Input.Length} bytes, case {failure.Seed}: {string.Join("\n    ", failure.Message.Split('\n').Take(8))}");
    Save(failure.Target, failure.Input);
}

void Save(string target, byte[] input)
{
    if (keep is null) return;
    var path = Path.Combine(keep, target, FuzzRun.NameOf(input));
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    File.WriteAllBytes(path, input);
    Console.WriteLine($"  kept: {path}");
}

// An input that does not end within a minute never will: it is written down and the program ends.
void Watch(FuzzTarget target, FuzzRun run)
{
    if (run.Current is not { } current || Stopwatch.GetElapsedTime(current.Since).TotalSeconds < 60) return;
    Save(target.Name, current.Input);
    Console.WriteLine($"{target.Name}: an input of {current.Input.Length} bytes hangs: {Convert.ToBase64String(current.Input.AsSpan(0, Math.Min(current.Input.Length, 3000)))}");
    Environment.Exit(3);
}

static int Refuse(string text)
{
    Console.Error.WriteLine(text);
    return 2;
}
