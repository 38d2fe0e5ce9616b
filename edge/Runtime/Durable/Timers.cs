using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// Fires timers. Only those of the next hour are in memory; the rest is read as its time comes, so a timer of months costs a row. The wall clock is looked at every
/// half minute at least, so a clock that jumps is noticed.
/// </summary>
internal sealed class Timers(Store store, TimeProvider clock, ILogger logger) : IDisposable
{
    private static readonly TimeSpan Horizon = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);
    private readonly PriorityQueue<TimerItem, DateTime> _near = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private DateTime _loadedTo = DateTime.MinValue;
    private Task _worker = Task.CompletedTask;

    public required Action<TimerItem> Fired { get; init; }

    /// <summary>Reads the near timers and begins.</summary>
    /// <returns>How many there are.</returns>
    public int Start()
    {
        Load(clock.GetUtcNow().UtcDateTime);
        var near = _near.Count;
        _worker = Task.Run(WorkAsync);
        return near;
    }

    public void Add(TimerItem timer, DateTime due)
    {
        lock (_gate)
        {
            // What is further away has just been stored, and is read with its hour.
            if (due > _loadedTo) return;
            _near.Enqueue(timer, due);
            if (_near.Peek() != timer) return;
        }

        Wake();
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _worker;
    }

    public void Dispose()
    {
        _stop.Dispose();
        _changed.Dispose();
    }

    private void Wake()
    {
        try
        {
            if (_changed.CurrentCount == 0) _changed.Release();
        }
        catch (SemaphoreFullException)
        {
            // Woken by another at the same time.
        }
    }

    private async Task WorkAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var now = clock.GetUtcNow().UtcDateTime;
                if (now > _loadedTo - (Horizon / 2)) Load(now);
                while (TryTake(now, out var timer)) Fired(timer);
                await WaitAsync(now);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception error)
            {
                logger.UpkeepFailed(error);
                await Task.Delay(TimeSpan.FromSeconds(1), clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task WaitAsync(DateTime now)
    {
        TimeSpan wait;
        lock (_gate) wait = _near.TryPeek(out _, out var due) && due - now < LongestWait ? due - now : LongestWait;
        if (wait <= TimeSpan.Zero) return;
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var woken = _changed.WaitAsync(timer.Token);
        var elapsed = Task.Delay(wait, clock, timer.Token);
        await Task.WhenAny(woken, elapsed);
        await timer.CancelAsync();
        await Task.WhenAll(woken, elapsed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Token.ThrowIfCancellationRequested();
    }

    private bool TryTake(DateTime now, out TimerItem timer)
    {
        lock (_gate) return _near.TryPeek(out timer, out var due) && due <= now && _near.TryDequeue(out timer, out _);
    }

    private void Load(DateTime now)
    {
        lock (_gate)
        {
            var to = now + Horizon;
            if (to <= _loadedTo) return;
            foreach (var (timer, due) in store.Timers(_loadedTo, to)) _near.Enqueue(timer, due);
            _loadedTo = to;
        }
    }
}
