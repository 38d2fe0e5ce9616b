using System.Diagnostics;
using System.Security.Cryptography;

namespace Skylight.Fuzz;

/// <summary>An input that broke something.</summary>
public sealed record Failure(string Target, byte[] Input, int Seed, string Message);

/// <summary>What a run came to.</summary>
/// <param name="Behaviours">Different digests that were seen: how much of the target's behaviour the inputs reached.</param>
/// <param name="Slowest">The longest single input, in milliseconds: to look at, not a verdict.</param>
public sealed record FuzzReport(string Target, long Runs, long Refused, int Behaviours, double Slowest, IReadOnlyList<Failure> Failures);

/// <summary>Runs inputs against one target: the kept ones, the seeds, then mutations of them and of whatever showed a new behaviour.</summary>
public sealed class FuzzRun(FuzzTarget target, int seed, IReadOnlyList<byte[]> kept)
{
    private const int MaxPool = 4000;
    private const int MaxFailures = 20;

    private readonly List<byte[]> _pool = [];
    private readonly HashSet<long> _behaviours = [];
    private readonly Dictionary<string, Failure> _failures = [];
    private long _runs, _refused;
    private double _slowest;

    /// <summary>The input at work and since when, for a watchdog on another thread.</summary>
    public (byte[] Input, long Since)? Current { get; private set; }

    public FuzzReport Run(long runs, CancellationToken cancellationToken)
    {
        var random = new Random(seed);
        foreach (var input in kept.Concat(target.Seeds)) Try(input, seed);
        // Every seed is worth mutating, whatever its behaviour.
        var seeds = kept.Concat(target.Seeds).Where(s => s.Length > 0).ToList();
        _pool.AddRange(seeds);
        while (_runs < runs && _failures.Count < MaxFailures && !cancellationToken.IsCancellationRequested)
        {
            // A case can be made again from its own seed and its base.
            var parent = random.Next(3) == 0 ? seeds[random.Next(seeds.Count)] : _pool[random.Next(_pool.Count)];
            var input = random.Next(2) == 0 ? target.Mutate(parent, random) : null;
            if (input is null || random.Next(4) == 0) input = Mutator.Mutate(input ?? parent, random, target.Tokens, _pool);
            if (Try(input, random.Next()) && _pool.Count < MaxPool) _pool.Add(input);
        }

        return new FuzzReport(target.Name, _runs, _refused, _behaviours.Count, _slowest, [.. _failures.Values]);
    }

    /// <summary>Runs one input with many seeds. Null: nothing is wrong with it.</summary>
    public static Failure? Replay(FuzzTarget target, byte[] input, int times)
    {
        var run = new FuzzRun(target, 0, []);
        for (var seed = 0; seed < times && run._failures.Count == 0; seed++) run.Try(input, seed);
        return run._failures.Values.FirstOrDefault();
    }

    /// <summary>True: a behaviour that was not seen before.</summary>
    private bool Try(byte[] input, int caseSeed)
    {
        _runs++;
        var since = Stopwatch.GetTimestamp();
        Current = (input, since);
        var before = GC.GetAllocatedBytesForCurrentThread();
        long behaviour;
        try
        {
            behaviour = target.Run(input, new Random(caseSeed));
        }
        catch (Exception error) when (target.Expects(error))
        {
            _refused++;
            behaviour = Behaviour.Of(error);
        }
        catch (Exception error)
        {
            Fail(input, caseSeed, error.ToString());
            return false;
        }
        finally
        {
            Current = null;
            _slowest = Math.Max(_slowest, Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > target.AllocationBudget(input.Length)) Fail(input, caseSeed, $"allocated {allocated} bytes for an input of {input.Length}, {target.AllocationBudget(input.Length)} allowed");
        return _behaviours.Add(behaviour);
    }

    private void Fail(byte[] input, int caseSeed, string message)
    {
        // One case for each place that fails: the first lines tell the places apart.
        var place = string.Join('\n', message.Split('\n').Take(3).Select(l => new string([.. l.Where(c => !char.IsAsciiDigit(c))])));
        if (!_failures.TryGetValue(place, out var known) || known.Input.Length > input.Length) _failures[place] = new Failure(target.Name, input, caseSeed, message);
    }

    /// <summary>A name for a kept input.</summary>
    public static string NameOf(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input))[..16] + ".bin";
}
