using System.Diagnostics;
using System.Globalization;
using Skylight.Torture;

if (args is not ["archive", .. var rest] || Parse(rest) is not { } options)
{
    Console.Error.WriteLine("usage: ./dev torture archive [--kills N] [--seed S] [--lanes N] [--work DIR]");
    return 2;
}

if (TortureRun.Unavailable() is { } reason)
{
    Console.Error.WriteLine($"torture: {reason}");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
var watch = Stopwatch.StartNew();
var result = await new TortureRun(options, line => Console.WriteLine(line)).RunAsync(stop.Token);
if (result.Ok) Directory.Delete(options.Work, recursive: true);
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"interrupted and seen to end: {string.Join(", ", result.Interrupted.Select(item => $"{item.Key} {item.Value}"))}; deleted {result.Deleted}, studies erased {result.Erased}"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"compression in pieces: {result.Pieces} later pieces found, {result.BetweenPieces} series broken off between two"));
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{result.Kills} kills in {watch.Elapsed.TotalSeconds:0} s: {result.PowerCuts} with the power, {result.Faults} under disk-full or I/O errors; {result.Operations} recorded operations; {result.Failures} failed checks (seed {options.Seed})"));
Console.WriteLine(result);
return result.Ok ? 0 : 1;

static TortureOptions? Parse(ReadOnlySpan<string> arguments)
{
    var (kills, seed, lanes, work) = (500, 1, 2, Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"skylight-torture-{Environment.ProcessId}")));
    for (var i = 0; i < arguments.Length; i += 2)
    {
        if (i + 1 == arguments.Length) return null;
        switch (arguments[i])
        {
            case "--kills" when int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0:
                kills = n;
                break;
            case "--seed" when int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var n):
                seed = n;
                break;
            case "--lanes" when int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is > 0 and <= 64:
                lanes = n;
                break;
            case "--work":
                work = Path.GetFullPath(arguments[i + 1]);
                break;
            default:
                return null;
        }
    }

    return new TortureOptions(kills, seed, work, Lanes: lanes);
}
