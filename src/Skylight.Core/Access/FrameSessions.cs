using System.Collections.Concurrent;
using Skylight.Core.Audit;

namespace Skylight.Core.Access;

/// <summary>
/// Frame reads in the audit: the first of a session and study is durable before the answer, the following ones are counted and
/// written as one entry when the window closes. A crash loses counts of at most one window, never the fact of access.
/// </summary>
public sealed class FrameSessions(IAuditLog audit, TimeProvider time) : IAsyncDisposable
{
    /// <summary>After this long a session's next frame read makes a new durable entry.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private const int MaxSessions = 20_000;
    private readonly ConcurrentDictionary<(string Chain, string Session, string Study), Counter> _open = new();

    internal async ValueTask RecordAsync(string chain, AuditEvent entry, CancellationToken cancellationToken)
    {
        var key = (chain, $"{entry.Actor}|{entry.Session}", entry.StudyKey ?? "");
        if (_open.TryGetValue(key, out var counter))
        {
            if (counter.TryCount(entry.At)) return;
            if (_open.TryRemove(new(key, counter))) await CloseAsync(chain, counter, cancellationToken);
        }

        // Durable first, then the window opens: frames that arrive together may each make an entry of their own, none makes none.
        await audit.AppendAsync(chain, entry, cancellationToken);
        if (_open.Count < MaxSessions) _open.TryAdd(key, new Counter(entry, entry.At + Window));
    }

    /// <summary>Writes the counts of windows that have closed. Called by a timer, and for all of them when the host stops.</summary>
    public async ValueTask FlushAsync(bool all, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        foreach (var (key, counter) in _open)
        {
            if ((all || counter.Until <= now) && _open.TryRemove(new(key, counter))) await CloseAsync(key.Chain, counter, cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => FlushAsync(all: true, CancellationToken.None);

    private async ValueTask CloseAsync(string chain, Counter counter, CancellationToken cancellationToken)
    {
        if (counter.Close() is var reads and > 0) await audit.AppendAsync(chain, counter.Entry with { At = time.GetUtcNow(), Count = reads }, cancellationToken);
    }

    private sealed class Counter(AuditEvent entry, DateTimeOffset until)
    {
        private readonly Lock _lock = new();
        private int _reads;
        private bool _closed;

        public AuditEvent Entry { get; } = entry;

        public DateTimeOffset Until { get; } = until;

        /// <summary>False when the window is over: the read needs an entry of its own.</summary>
        public bool TryCount(DateTimeOffset at)
        {
            lock (_lock)
            {
                if (_closed || at >= Until) return false;
                _reads++;
                return true;
            }
        }

        public int Close()
        {
            lock (_lock)
            {
                _closed = true;
                return _reads;
            }
        }
    }
}
