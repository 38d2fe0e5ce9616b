using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Threading.Channels;

namespace Skylight.Core.Integrity;

/// <summary>
/// Names of objects that readers have read from their second copy, for <see cref="ReadRepair"/>. Each stands here once, however many read it, and one that could
/// not be mended is not looked at again for <see cref="RetryAfter"/>; what does not fit is found by the next read, or by the scrub.
/// </summary>
public sealed class FallenBack
{
    /// <summary>How long an object that could not be mended is left alone.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(10);

    private const int MaxNames = 1000;

    private readonly Channel<string> _waiting = Channel.CreateBounded<string>(MaxNames);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _known = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly Counter<long> _reads;

    public FallenBack(TimeProvider time, IMeterFactory meters)
    {
        _time = time;
        _reads = meters.Create("Skylight.ReadRepair").CreateCounter<long>("skylight.read_repair.reads", "{read}", "Reads that went on from the second copy because the first was damaged or missing.");
    }

    /// <summary>Called by readers: never waits.</summary>
    public void Add(string name)
    {
        _reads.Add(1);
        if (_known.TryGetValue(name, out var notBefore) && _time.GetUtcNow() < notBefore) return;
        if (_known.Count >= MaxNames) DropPast();
        if (_known.Count >= MaxNames) return;
        _known[name] = DateTimeOffset.MaxValue;
        if (!_waiting.Writer.TryWrite(name)) _known.TryRemove(name, out _);
    }

    /// <summary>Waits until a name may be taken.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _waiting.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>The next name, if there is one now; <see cref="Done"/> ends what this begins.</summary>
    public bool TryTake([NotNullWhen(true)] out string? name) => _waiting.Reader.TryRead(out name);

    /// <summary>It has been looked at.</summary>
    public void Done(string name, bool whole)
    {
        if (whole) _known.TryRemove(name, out _);
        else _known[name] = _time.GetUtcNow() + RetryAfter;
    }

    private void DropPast()
    {
        var now = _time.GetUtcNow();
        foreach (var (name, notBefore) in _known)
            if (notBefore <= now) _known.TryRemove(new KeyValuePair<string, DateTimeOffset>(name, notBefore));
    }
}
