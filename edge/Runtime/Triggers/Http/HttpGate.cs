namespace Skylight.Edge.Runtime.Triggers.Http;

/// <summary>host.json's maxConcurrentRequests and maxOutstandingRequests: so many at once, so many more in line, and the rest is told to come back.</summary>
public sealed class HttpGate(HostSettings host) : IDisposable
{
    private readonly SemaphoreSlim? _slots = host.MaxConcurrentRequests is { } slots ? new(slots, slots) : null;
    private int _outstanding;

    public async ValueTask<Entry> EnterAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _outstanding) > host.MaxOutstandingRequests)
        {
            Interlocked.Decrement(ref _outstanding);
            return default;
        }

        try
        {
            if (_slots is not null) await _slots.WaitAsync(cancellationToken);
        }
        catch
        {
            Interlocked.Decrement(ref _outstanding);
            throw;
        }

        return new Entry(this);
    }

    public void Dispose() => _slots?.Dispose();

    public readonly struct Entry(HttpGate gate) : IDisposable
    {
        public bool Admitted => gate is not null;

        public void Dispose()
        {
            if (gate is null) return;
            gate._slots?.Release();
            Interlocked.Decrement(ref gate._outstanding);
        }
    }
}
