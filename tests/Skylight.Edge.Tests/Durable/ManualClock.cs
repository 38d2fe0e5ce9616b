namespace Skylight.Edge.Tests.Durable;

/// <summary>A clock that stands still until it is told to move; its timers fire then.</summary>
public sealed class ManualClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private DateTimeOffset _now = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Advance(TimeSpan span)
    {
        List<Entry> due;
        lock (_gate)
        {
            _now += span;
            due = [.. _entries.Where(entry => entry.Due <= _now)];
            foreach (var entry in due) _entries.Remove(entry);
        }

        foreach (var entry in due) entry.Fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var entry = new Entry(this, callback, state);
        entry.Change(dueTime, period);
        return entry;
    }

    private sealed class Entry(ManualClock clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset Due { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var fire = false;
            lock (clock._gate)
            {
                clock._entries.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                Due = clock._now + dueTime;
                if (dueTime <= TimeSpan.Zero) fire = true;
                else clock._entries.Add(this);
            }

            if (fire) ThreadPool.QueueUserWorkItem(_ => Fire());
            return true;
        }

        public void Dispose()
        {
            lock (clock._gate) clock._entries.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
