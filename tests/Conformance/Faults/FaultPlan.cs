namespace Skylight.Conformance.Faults;

/// <summary>What goes wrong with one call.</summary>
public enum Fault
{
    None,

    /// <summary>The service asks to wait: 429 or 503 with Retry-After; nothing was done.</summary>
    Throttled,

    /// <summary>No answer, and nothing was done.</summary>
    LostBefore,

    /// <summary>It was done, but the answer was lost.</summary>
    LostAfter,

    /// <summary>Half of the body arrived; nothing was done.</summary>
    Partial,

    /// <summary>It was done twice: a copy of the request came later.</summary>
    Twice,

    /// <summary>A read answers with what was there before.</summary>
    Stale,

    /// <summary>Nothing was done, and no answer ever comes: the caller has to give up.</summary>
    Hung,
}

/// <summary>Draws faults from a seed. The sequence is fixed; which call meets which fault depends on the order of calls, so a test states what must hold under any.</summary>
/// <param name="rate">Share of the calls that meet a fault.</param>
public sealed class FaultPlan(int seed, double rate)
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private readonly int[] _drawn = new int[Enum.GetValues<Fault>().Length];

    /// <summary>No faults while false, for setting the scene.</summary>
    public bool Active { get; set; } = true;

    /// <summary>The only faults that happen; empty: all.</summary>
    public Fault[] Only { get; init; } = [];

    /// <summary>How often each fault was drawn.</summary>
    public string Drawn => string.Join(' ', Enum.GetValues<Fault>().Skip(1).Select(fault => $"{fault} {_drawn[(int)fault]}"));

    public int Count(Fault fault) => _drawn[(int)fault];

    /// <summary>The next call's fault, among those that it can meet.</summary>
    public Fault Next(params ReadOnlySpan<Fault> possible)
    {
        lock (_lock)
        {
            if (!Active || _random.NextDouble() >= rate) return Fault.None;
            var fault = possible[_random.Next(possible.Length)];
            if (Only.Length > 0 && !Only.Contains(fault)) return Fault.None;
            _drawn[(int)fault]++;
            return fault;
        }
    }
}

/// <summary>The call failed, and its caller cannot know whether it had its effect.</summary>
public sealed class InjectedFaultException(Fault fault) : IOException($"Injected: {fault}.")
{
    public Fault Fault { get; } = fault;
}
