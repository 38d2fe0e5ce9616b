using System.Diagnostics;
using Microsoft.DurableTask;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>The tasks that the code waits for: work by number, events by name.</summary>
internal sealed partial class OrchestrationRun
{
    private readonly Dictionary<long, Open> _open = [];
    private readonly Dictionary<string, List<Waiter>> _waiters = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, Queue<HistoryEvent>> _buffer = new(StringComparer.OrdinalIgnoreCase);
    private long _tasks;

    private static WorkKind WorkOf(HistoryKind kind) => kind switch
    {
        HistoryKind.ActivityCompleted or HistoryKind.ActivityFailed => WorkKind.Activity,
        HistoryKind.TimerFired => WorkKind.Timer,
        HistoryKind.ChildCompleted or HistoryKind.ChildFailed => WorkKind.Child,
        _ => throw new UnreachableException(),
    };

    private Task<T> CallActivity<T>(string name, string? input)
    {
        var task = Add<T>(WorkKind.Activity, name, out var pending);
        Produce(HistoryKind.ActivityScheduled, task, name, null);
        if (!IsReplaying) _turn.Opened.Add(new WorkItem(task, WorkKind.Activity, name, input));
        return pending;
    }

    private Task<T> CallChild<T>(string name, string instanceId, string? input)
    {
        var task = Add<T>(WorkKind.Child, name, out var pending);
        Produce(HistoryKind.ChildScheduled, task, name, instanceId);
        if (!IsReplaying) _turn.Opened.Add(new WorkItem(task, WorkKind.Child, name, input, default, instanceId));
        return pending;
    }

    private Task<object?> CreateTimer(DateTime due, CancellationToken cancellation)
    {
        var task = Add<object?>(WorkKind.Timer, "timer", out var pending);
        Produce(HistoryKind.TimerCreated, task, "timer", null);
        if (!IsReplaying) _turn.Opened.Add(new WorkItem(task, WorkKind.Timer, null, null, due));
        if (cancellation.CanBeCanceled) cancellation.Register(() => OnThread(() => Cancel(task, cancellation)));
        return pending;
    }

    /// <summary>A token that is cancelled from elsewhere (CancelAsync, CancelAfter) would not be at a replay.</summary>
    private void OnThread(Action cancel)
    {
        if (_loop.IsCurrentThread) cancel();
        else _loop.Stray();
    }

    private void Cancel(long task, CancellationToken cancellation)
    {
        if (!_open.Remove(task, out var open)) return;
        if (!IsReplaying)
        {
            var created = _turn.Opened.FindLastIndex(item => item.Task == task);
            if (created >= 0) _turn.Opened.RemoveAt(created);
            else if (!open.IsAccepted) _turn.Closed.Add(task);
        }

        open.Cancel(cancellation);
    }

    private long Add<T>(WorkKind kind, string name, out Task<T> pending)
    {
        var open = new Open<T>(kind, name);
        pending = open.Source.Task;
        _open.Add(_tasks, open);
        return _tasks++;
    }

    private Task<T> WaitForEvent<T>(string name, CancellationToken cancellation)
    {
        if (_waiters.TryGetValue(name, out var waiters) && waiters[^1].Type != typeof(T))
            throw new ArgumentException($"Event '{name}' is waited for as {waiters[^1].Type.FullName} already; it cannot be {typeof(T).FullName} too.", nameof(name));
        var waiter = new Waiter<T>();
        if (_buffer.TryGetValue(name, out var early))
        {
            waiter.Complete(early.Dequeue().Data, _settings.Converter);
            if (early.Count == 0) _buffer.Remove(name);
            return waiter.Source.Task;
        }

        if (waiters is null) _waiters.Add(name, waiters = []);
        waiters.Add(waiter);
        if (cancellation.CanBeCanceled) cancellation.Register(() => OnThread(() => Drop(name, waiter, cancellation)));
        return waiter.Source.Task;
    }

    /// <summary>The newest waiter gets the event; a cancelled one is gone, so that what comes late for it is kept for the next.</summary>
    private void Raise(in HistoryEvent step)
    {
        var name = step.Name!;
        if (!_waiters.TryGetValue(name, out var waiters))
        {
            if (!_buffer.TryGetValue(name, out var early)) _buffer.Add(name, early = new Queue<HistoryEvent>());
            early.Enqueue(step);
            return;
        }

        var waiter = waiters[^1];
        waiters.RemoveAt(waiters.Count - 1);
        if (waiters.Count == 0) _waiters.Remove(name);
        waiter.Complete(step.Data, _settings.Converter);
    }

    private void Drop(string name, Waiter waiter, CancellationToken cancellation)
    {
        if (!_waiters.TryGetValue(name, out var waiters) || !waiters.Remove(waiter)) return;
        if (waiters.Count == 0) _waiters.Remove(name);
        waiter.Cancel(cancellation);
    }

    private IEnumerable<HistoryEvent> Buffered() =>
        _buffer.Values.SelectMany(queue => queue).Concat(_held.Where(held => held.Kind == HistoryKind.EventRaised)).OrderBy(step => step.Task);

    private abstract class Open(WorkKind kind, string name)
    {
        public WorkKind Kind => kind;

        public string Name => name;

        public bool IsAccepted { get; set; }

        public abstract void Complete(string? data, DataConverter converter);

        public abstract void Fail(TaskFailedException error);

        public abstract void Cancel(CancellationToken cancellation);
    }

    private sealed class Open<T>(WorkKind kind, string name) : Open(kind, name)
    {
        public TaskCompletionSource<T> Source { get; } = new();

        public override void Complete(string? data, DataConverter converter) => Give(Source, data, converter);

        public override void Fail(TaskFailedException error) => Source.TrySetException(error);

        public override void Cancel(CancellationToken cancellation) => Source.TrySetCanceled(cancellation);
    }

    private abstract class Waiter
    {
        public abstract Type Type { get; }

        public abstract void Complete(string? data, DataConverter converter);

        public abstract void Cancel(CancellationToken cancellation);
    }

    private sealed class Waiter<T> : Waiter
    {
        public TaskCompletionSource<T> Source { get; } = new();

        public override Type Type => typeof(T);

        public override void Complete(string? data, DataConverter converter) => Give(Source, data, converter);

        public override void Cancel(CancellationToken cancellation) => Source.TrySetCanceled(cancellation);
    }

    /// <summary>Data that is not a <typeparamref name="T"/> is the waiting code's failure, not the engine's.</summary>
    private static void Give<T>(TaskCompletionSource<T> source, string? data, DataConverter converter)
    {
        T? value;
        try
        {
            value = converter.Deserialize<T>(data);
        }
        catch (Exception error)
        {
            source.TrySetException(error);
            return;
        }

        source.TrySetResult(value!);
    }
}
