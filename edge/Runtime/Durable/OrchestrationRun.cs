using System.Globalization;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>What the code of an orchestration is: gets the context (and the turn's function context), gives its output.</summary>
internal delegate Task<object?> OrchestratorBody(TaskOrchestrationContext context, FunctionContext? function);

internal sealed record RunSettings(DataConverter Converter, ILoggerFactory Loggers, int MaxPayloadBytes, int MaxCustomStatusBytes);

internal enum RunState
{
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
    Terminated,
    ContinuedAsNew,
}

/// <summary>
/// An orchestration in memory: takes incoming steps one at a time, lets the code run until it waits again, and notes the steps that the code takes. Knows no
/// storage: <see cref="Replay"/> brings it to where a stored history ends, <see cref="Apply"/> goes on from there, <see cref="TakeTurn"/> hands over what is new.
/// </summary>
internal sealed partial class OrchestrationRun
{
    private readonly InstanceHead _head;
    private readonly OrchestratorBody _body;
    private readonly RunSettings _settings;
    private readonly OrchestrationLoop _loop;
    private readonly Context _context;
    private readonly Queue<HistoryEvent> _held = new();
    private readonly List<HistoryEvent> _produced = [];
    private Turn _turn = new();
    private Task? _root;
    private object? _result;
    private bool _started;
    private bool _suspended;
    private (object? Input, bool Preserve)? _next;
    private string? _status;

    /// <param name="head">The instance.</param>
    /// <param name="body">Its code.</param>
    /// <param name="settings">Limits and services of the engine.</param>
    /// <param name="strayed">Called when the code continues on a foreign thread.</param>
    public OrchestrationRun(InstanceHead head, OrchestratorBody body, RunSettings settings, Action strayed)
    {
        (_head, _body, _settings, _status) = (head, body, settings, head.CustomStatus);
        _loop = new OrchestrationLoop(strayed);
        _context = new Context(this);
    }

    /// <summary>The function context of the turn that is running.</summary>
    public FunctionContext? Function { get; set; }

    public DateTime Now { get; private set; }

    public bool IsReplaying { get; private set; }

    public RunState State { get; private set; }

    public string? Output { get; private set; }

    public TaskFailureDetails? Failure { get; private set; }

    public string? NextInput { get; private set; }

    /// <summary>Work that has no result yet, and events that are waited for.</summary>
    public int OpenCount => _open.Count + _waiters.Count;

    public bool IsOver => State is RunState.Completed or RunState.Failed or RunState.Terminated or RunState.ContinuedAsNew;

    /// <summary>Runs the code through a stored history, checking that it takes the same steps.</summary>
    /// <exception cref="NonDeterministicOrchestrationException">It does not; the message names the step.</exception>
    public void Replay(IReadOnlyList<HistoryEvent> history)
    {
        IsReplaying = true;
        for (var index = 0; index < history.Count;)
        {
            var step = history[index];
            if (step.IsOutgoing) throw Diverged(index, step, null);
            if (IsOver) throw Diverged(index, $"the code has ended, but the history goes on with {Describe(step)}");
            if (!Accept(step.Kind, step.Task)) throw Diverged(index, $"the history has {Describe(step)}, but the code waits for no such task");
            Take(step);
            index++;
            foreach (var produced in _produced)
            {
                if (index == history.Count || !history[index].IsOutgoing) throw Diverged(index, null, produced);
                if (!Same(history[index], produced)) throw Diverged(index, history[index], produced);
                index++;
            }
        }

        if (IsOver) throw Diverged(history.Count, $"the code has ended ({State}), where it waited before");
        IsReplaying = false;
        _turn = new Turn();
    }

    /// <summary>Takes in something new. False when it is void: a result that has been taken in before, or that nothing waits for.</summary>
    public bool Apply(in Message message, DateTime now)
    {
        if (IsOver || !Accept(message.Kind, message.Task)) return false;
        var step = new HistoryEvent(message.Kind, message.Kind == HistoryKind.EventRaised ? message.Inbox : message.Task, now, message.Name, message.Data);
        _turn.Events.Add(step);
        // A later start is open work as well.
        if (Closes(step.Kind) || step.Task == WorkItem.StartTask) _turn.Closed.Add(step.Task);
        Take(step);
        return true;
    }

    /// <summary>Ends the run when its code waits for something that the engine will never give it.</summary>
    public void CheckStuck()
    {
        if (IsOver || State != RunState.Running) return;
        if (_loop.Strayed || (_open.Count == 0 && _waiters.Count == 0))
        {
            Fail(new InvalidOperationException(
                $"Orchestration '{_head.Name}' awaits something other than the tasks of its context (Task.Delay, Task.Run, I/O, ConfigureAwait(false)). That belongs in an activity."));
        }
    }

    /// <summary>Ends the run in the middle of a replay.</summary>
    public void Abort(Exception error)
    {
        IsReplaying = false;
        _turn = new Turn();
        Fail(error);
    }

    /// <summary>What has come about since the last call.</summary>
    public Turn TakeTurn()
    {
        var turn = _turn;
        _turn = new Turn();
        turn.CustomStatus = _status;
        if (State == RunState.ContinuedAsNew && _next is { Preserve: true }) turn.Carried.AddRange(Buffered());
        return turn;
    }

    private void Fail(Exception error)
    {
        State = RunState.Failed;
        Failure = Failures.From(error);
    }

    private static bool Closes(HistoryKind kind) =>
        kind is HistoryKind.ActivityCompleted or HistoryKind.ActivityFailed or HistoryKind.TimerFired or HistoryKind.ChildCompleted or HistoryKind.ChildFailed;

    /// <summary>Whether the step has its place now. Held steps of a suspended instance are accepted when they come, so that none is accepted twice.</summary>
    private bool Accept(HistoryKind kind, long task)
    {
        switch (kind)
        {
            case HistoryKind.Started:
                if (_started) return false;
                return _started = true;
            case HistoryKind.EventRaised or HistoryKind.Suspended or HistoryKind.Resumed or HistoryKind.Terminated:
                return true;
            default:
                if (!Closes(kind) || !_open.TryGetValue(task, out var open) || open.IsAccepted || open.Kind != WorkOf(kind)) return false;
                return open.IsAccepted = true;
        }
    }

    private void Take(in HistoryEvent step)
    {
        _produced.Clear();
        Now = step.Time;
        switch (step.Kind)
        {
            case HistoryKind.Suspended:
                _suspended = true;
                State = RunState.Suspended;
                break;
            case HistoryKind.Resumed:
                _suspended = false;
                State = _root is null ? RunState.Pending : RunState.Running;
                while (!IsOver && _held.TryDequeue(out var held)) Run(held);
                break;
            case HistoryKind.Terminated:
                State = RunState.Terminated;
                Output = step.Data;
                break;
            default:
                if (_suspended) _held.Enqueue(step);
                else Run(step);
                break;
        }
    }

    private void Run(HistoryEvent step)
    {
        try
        {
            _loop.Run(() => Dispatch(step));
        }
        catch (Exception error)
        {
            // What escapes the loop comes from an async void of the code: it fails the orchestration like any other exception of it.
            Fail(error);
            return;
        }

        if (_root is not { IsCompleted: true } root) return;
        if (root.IsFaulted) Fail(root.Exception.InnerException!);
        else if (root.IsCanceled) Fail(new TaskCanceledException(root));
        else Finish();
    }

    private void Dispatch(in HistoryEvent step)
    {
        switch (step.Kind)
        {
            case HistoryKind.Started:
                State = RunState.Running;
                _root = StartAsync();
                break;
            case HistoryKind.EventRaised:
                Raise(step);
                break;
            default:
                if (!_open.Remove(step.Task, out var open)) break;
                if (step.Kind is HistoryKind.ActivityFailed or HistoryKind.ChildFailed) open.Fail(new TaskFailedException(open.Name, (int)step.Task, Failures.Read(step.Data)));
                else open.Complete(step.Data, _settings.Converter);
                break;
        }
    }

    private async Task StartAsync() => _result = await _body(_context, Function);

    private void Finish()
    {
        try
        {
            if (_next is { } next)
            {
                NextInput = Serialize(next.Input, "input of the next execution");
                State = RunState.ContinuedAsNew;
                return;
            }

            Output = Serialize(_result, "output of the orchestration");
            State = RunState.Completed;
        }
        catch (Exception error)
        {
            Fail(error);
        }
    }

    /// <summary>Notes a step of the code; new work and messages only when it is not a replay.</summary>
    private void Produce(HistoryKind kind, long task, string name, string? data)
    {
        var step = new HistoryEvent(kind, task, Now, name, data);
        if (IsReplaying) _produced.Add(step);
        else _turn.Events.Add(step);
    }

    private string? Serialize(object? value, string what)
    {
        var data = _settings.Converter.Serialize(value);
        // A replay repeats what was let through before, whatever the limit is now.
        if (!IsReplaying) Payloads.Check(data, what, _settings.MaxPayloadBytes);
        return data;
    }

    private static bool Same(in HistoryEvent recorded, in HistoryEvent produced) =>
        recorded.Kind == produced.Kind && recorded.Task == produced.Task
        && string.Equals(recorded.Name, produced.Name, StringComparison.OrdinalIgnoreCase)
        && (recorded.Kind == HistoryKind.TimerCreated || recorded.Data == produced.Data);

    private NonDeterministicOrchestrationException Diverged(int index, HistoryEvent? recorded, HistoryEvent? produced)
    {
        var was = recorded is { } r ? Describe(r) : "no further step";
        var now = produced is { } p ? Describe(p) : "no further step";
        return Diverged(index, $"expected {was} (recorded), found {now} (the code now)");
    }

    private NonDeterministicOrchestrationException Diverged(int index, string what) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"Orchestration '{_head.Name}' does not repeat its recorded steps: at history event {index}, {what}. A changed order of steps needs a new orchestration name."));

    private static string Describe(in HistoryEvent step)
    {
        var task = step.Task.ToString(CultureInfo.InvariantCulture);
        return step.Kind switch
        {
            HistoryKind.Started => "the start",
            HistoryKind.ActivityScheduled => $"activity '{step.Name}' (task {task})",
            HistoryKind.ActivityCompleted or HistoryKind.ActivityFailed => $"the result of an activity (task {task})",
            HistoryKind.TimerCreated => $"timer (task {task})",
            HistoryKind.TimerFired => $"the end of a timer (task {task})",
            HistoryKind.ChildScheduled => $"sub-orchestration '{step.Name}' with id '{step.Data}' (task {task})",
            HistoryKind.ChildCompleted or HistoryKind.ChildFailed => $"the result of a sub-orchestration (task {task})",
            HistoryKind.EventRaised => $"event '{step.Name}'",
            HistoryKind.EventSent => $"event '{step.Name}' to '{step.Data}' (task {task})",
            HistoryKind.Suspended => "a suspension",
            HistoryKind.Resumed => "a resumption",
            _ => step.Kind.ToString(),
        };
    }
}
