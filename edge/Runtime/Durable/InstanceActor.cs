namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// One instance in this process: messages wait here, and one turn at a time takes them in. What is below <see cref="Head"/> belongs to the turn alone.
/// </summary>
internal sealed class InstanceActor(long key)
{
    private readonly Lock _gate = new();
    private List<Message> _inbox = [];
    private bool _scheduled;
    private bool _retired;

    public long Key => key;

    public InstanceHead? Head { get; set; }

    public OrchestrationRun? Run { get; set; }

    public DurableFunction? Function { get; set; }

    /// <summary>Turns that failed one after the other, for the growing wait between attempts.</summary>
    public int Failures { get; set; }

    /// <summary>When it was last used, in the engine's own count.</summary>
    public long LastUsed { get; set; }

    /// <returns>False when the actor has been retired: another must be made.</returns>
    public bool TryPost(in Message message, out bool schedule)
    {
        lock (_gate)
        {
            schedule = false;
            if (_retired) return false;
            _inbox.Add(message);
            schedule = !_scheduled;
            _scheduled = true;
            return true;
        }
    }

    public List<Message> Take()
    {
        lock (_gate)
        {
            var taken = _inbox;
            _inbox = [];
            return taken;
        }
    }

    /// <summary>Puts messages back before those that came since.</summary>
    public void Return(List<Message> messages)
    {
        lock (_gate)
        {
            messages.AddRange(_inbox);
            _inbox = messages;
        }
    }

    /// <summary>Ends a turn. True when nothing waits; else the next turn is to be scheduled.</summary>
    public bool Rest()
    {
        lock (_gate)
        {
            if (_inbox.Count > 0) return false;
            _scheduled = false;
            return true;
        }
    }

    /// <summary>Takes the actor out of use if nothing waits and no turn runs (<paramref name="inTurn"/>: other than the caller's).</summary>
    public bool TryRetire(bool inTurn)
    {
        lock (_gate)
        {
            if (_inbox.Count > 0 || (_scheduled && !inTurn)) return false;
            return _retired = true;
        }
    }

    /// <summary>Forgets what is in memory; the next turn replays.</summary>
    public void Reset() => (Head, Run, Function) = (null, null, null);
}
