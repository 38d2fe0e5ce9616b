using System.Collections.Concurrent;

namespace Skylight.Archive;

/// <summary>
/// Work that several callers may want done at the same moment and that needs doing once: the first does it, the others wait and then look at what it has left.
/// Within one process. Thread-safe.
/// </summary>
public sealed class InFlight<TKey>
    where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, TaskCompletionSource> _running = new();

    /// <summary>Null when the caller is the one who does it, and then calls <see cref="Leave"/> whatever happens; otherwise the task that completes when whoever does it has left.</summary>
    public Task? Enter(TKey key)
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = _running.GetOrAdd(key, mine);
        return running == mine ? null : running.Task;
    }

    /// <summary>The work is done, or has failed.</summary>
    public void Leave(TKey key)
    {
        if (_running.TryRemove(key, out var running)) running.SetResult();
    }
}
