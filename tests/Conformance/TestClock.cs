namespace Skylight.Conformance;

/// <summary>A clock that stands still until it is moved; timers made on it fire as it passes their time. The wall clock can be set apart from it.</summary>
public sealed class TestClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Alarm> _alarms = [];
    private TimeSpan _elapsed;
    private TimeSpan _set;

    public TestClock() : this(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero))
    {
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that wait on this clock.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock) return _alarms.Count;
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock) return start + _elapsed + _set;
    }

    public override long GetTimestamp()
    {
        lock (_lock) return _elapsed.Ticks;
    }

    /// <summary>Time passes, and timers that come due fire in order.</summary>
    public void Advance(TimeSpan span)
    {
        TimeSpan end;
        lock (_lock) end = _elapsed + span;
        while (true)
        {
            Alarm? due;
            lock (_lock)
            {
                due = _alarms.Where(a => a.Due <= end).MinBy(a => a.Due);
                _elapsed = due is null ? end : due.Due > _elapsed ? due.Due : _elapsed;
                due?.Rearm(_alarms);
            }

            if (due is null) return;
            due.Fire();
        }
    }

    /// <summary>Somebody sets the wall clock; no time passes.</summary>
    public void SetWallClock(TimeSpan by)
    {
        lock (_lock) _set += by;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, callback, state);
        alarm.Change(dueTime, period);
        return alarm;
    }

    private sealed class Alarm(TestClock clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public TimeSpan Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._alarms.Remove(this);
                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                Due = clock._elapsed + dueTime;
                clock._alarms.Add(this);
            }

            return true;
        }

        public void Rearm(List<Alarm> alarms)
        {
            if (_period > TimeSpan.Zero) Due += _period;
            else alarms.Remove(this);
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (clock._lock) clock._alarms.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
