namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// The single thread of an orchestration: continuations run inside <see cref="Run"/>, in order, or not at all. A continuation that comes from elsewhere (a task that
/// the engine did not make) is not run, since a replay would not run it at the same step; <see cref="Strayed"/> tells.
/// </summary>
internal sealed class OrchestrationLoop(Action strayed) : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private volatile int _thread;
    private volatile bool _strayed;

    public bool Strayed => _strayed;

    public bool IsCurrentThread => Environment.CurrentManagedThreadId == _thread;

    public void Run(Action action)
    {
        var before = Current;
        SetSynchronizationContext(this);
        _thread = Environment.CurrentManagedThreadId;
        try
        {
            action();
            while (_posted.TryDequeue(out var next)) next.Callback(next.State);
        }
        finally
        {
            _thread = 0;
            SetSynchronizationContext(before);
        }
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (IsCurrentThread)
        {
            _posted.Enqueue((d, state));
            return;
        }

        Stray();
    }

    /// <summary>Notes that the code has left its thread.</summary>
    public void Stray()
    {
        _strayed = true;
        strayed();
    }

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (!IsCurrentThread) throw new NotSupportedException("An orchestration runs on its own thread only.");
        d(state);
    }

    public override SynchronizationContext CreateCopy() => this;
}
