using System.Globalization;

namespace Skylight.Torture;

/// <summary>Settings of a run.</summary>
/// <param name="Kills">How often the host is killed.</param>
/// <param name="Seed">Of everything that is left to chance here; the host's own timing is not.</param>
/// <param name="Work">Where the folders lie; what went wrong is kept there.</param>
/// <param name="KillsPerFolder">After so many kills a new data folder is begun.</param>
/// <param name="Lanes">So many hosts are tortured beside each other, each in a folder of its own: while one waits for the disk another starts.</param>
public sealed record TortureOptions(int Kills, int Seed, string Work, int KillsPerFolder = 20, int Lanes = 2);

/// <summary>What a run has shown. All is well when nothing is lost, nothing partial, and nothing failed.</summary>
/// <param name="Interrupted">Orchestrations that a kill found under way, by their name: all of them were seen to end.</param>
/// <param name="Pieces">Pieces of a series that compression has written behind an earlier one, as they were found after kills.</param>
/// <param name="BetweenPieces">Compressions of a series that a kill broke off behind a piece.</param>
public sealed record TortureResult(
    int Kills, int PowerCuts, int Faults, long Operations, int Acknowledged, int Deleted, int Erased, IReadOnlyDictionary<string, int> Interrupted, int Pieces, int BetweenPieces, int Lost, int Partial, int Failures)
{
    /// <summary>Nothing yet.</summary>
    internal static TortureResult None { get; } = new(0, 0, 0, 0, 0, 0, 0, new Dictionary<string, int>(), 0, 0, 0, 0, 0);

    public bool Ok => Lost == 0 && Partial == 0 && Failures == 0;

    /// <summary>The line that a run ends with.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"kills {Kills}, acknowledged {Acknowledged}, lost {Lost}, partial {Partial}");

    internal static TortureResult Sum(TortureResult a, TortureResult b) => new(
        a.Kills + b.Kills, a.PowerCuts + b.PowerCuts, a.Faults + b.Faults, a.Operations + b.Operations, a.Acknowledged + b.Acknowledged, a.Deleted + b.Deleted, a.Erased + b.Erased,
        a.Interrupted.Concat(b.Interrupted).GroupBy(item => item.Key, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Sum(item => item.Value)),
        a.Pieces + b.Pieces, a.BetweenPieces + b.BetweenPieces, a.Lost + b.Lost, a.Partial + b.Partial, a.Failures + b.Failures);
}

/// <summary>
/// Kills hosts at random points while they work (<see cref="Load"/>), some time with the power: then the folder becomes what a disk may hold that kept only
/// what was fsynced. After each restart everything that was acknowledged must be there, and nothing that was erased.
/// </summary>
public sealed class TortureRun(TortureOptions options, Action<string> say)
{
    private int _begun;

    /// <summary>Why torture cannot be run on this machine; null when it can.</summary>
    public static string? Unavailable() => Shim.Unavailable();

    public async Task<TortureResult> RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Work);
        var shim = await Shim.CompileAsync(options.Work, cancellationToken);
        var lanes = Enumerable.Range(1, Math.Min(options.Lanes, options.Kills)).Select(lane => new TortureLane(options, lane, shim, Next, line => say(options.Lanes == 1 ? line : $"[{lane}] {line}")));
        return (await Task.WhenAll(lanes.Select(lane => Task.Run(() => lane.RunAsync(cancellationToken), cancellationToken)))).Aggregate(TortureResult.None, TortureResult.Sum);
    }

    /// <summary>The number of the next kill; null when there have been enough.</summary>
    private int? Next() => Interlocked.Increment(ref _begun) is var next && next <= options.Kills ? next : null;
}
