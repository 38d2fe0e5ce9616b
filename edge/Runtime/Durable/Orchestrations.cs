using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Takes the turns of all instances: at most so many at once, one at a time for each, and acts on a turn only when it is stored.</summary>
internal sealed class Orchestrations(
    Store store, DurableFunctions functions, IServiceProvider services, IFunctionInvocationPipeline pipeline, RunSettings settings, DurableOptions options, TimeProvider clock, DurableMetrics metrics, ILogger logger) : IDisposable
{
    private readonly ConcurrentDictionary<long, InstanceActor> _actors = new();
    private readonly Channel<InstanceActor> _ready = Channel.CreateUnbounded<InstanceActor>();
    private readonly CancellationTokenSource _stop = new();
    private Task _workers = Task.CompletedTask;
    private long _uses;
    private long _replays;
    private int _busy;
    private int _evicting;

    /// <summary>Called with what a stored turn has opened, and when an instance stands still or has ended.</summary>
    public required Action<ActivityItem> ActivityOpened { get; init; }

    public required Action<TimerItem, DateTime> TimerOpened { get; init; }

    public required Action<string> Changed { get; init; }

    /// <summary>Called with an execution whose open activities are not wanted any more.</summary>
    public required Action<long, int> Abandoned { get; init; }

    public int Cached => _actors.Count;

    /// <summary>How many times a history was replayed.</summary>
    public long Replays => Interlocked.Read(ref _replays);

    public void Start() => _workers = Task.WhenAll(Enumerable.Range(0, options.MaxConcurrentOrchestrators).Select(_ => Task.Run(WorkAsync)));

    /// <summary>Hands a message to its instance.</summary>
    public void Post(long instance, in Message message)
    {
        while (true)
        {
            var actor = _actors.GetOrAdd(instance, static key => new InstanceActor(key));
            if (!actor.TryPost(message, out var schedule))
            {
                // Retired between look-up and post: whoever retired it removes it.
                _actors.TryRemove(new(instance, actor));
                continue;
            }

            if (schedule) Schedule(actor);
            return;
        }
    }

    /// <summary>Forgets an instance that was replaced or purged.</summary>
    public void Forget(long instance, int execution = 0)
    {
        Abandoned(instance, execution);
        Post(instance, new Message(HistoryKind.None));
    }

    /// <summary>Waits until no turn runs or is due, then ends the workers. Messages that come later stay in the store.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        try
        {
            while (Volatile.Read(ref _busy) > 0) await Task.Delay(TimeSpan.FromMilliseconds(5), clock, cancellation);
        }
        catch (OperationCanceledException)
        {
            // Time is up: what is not stored is done again after the next start.
        }

        _ready.Writer.TryComplete();
        await _stop.CancelAsync();
        await _workers;
    }

    public void Dispose() => _stop.Dispose();

    private void Schedule(InstanceActor actor)
    {
        Interlocked.Increment(ref _busy);
        if (!_ready.Writer.TryWrite(actor)) Interlocked.Decrement(ref _busy);
    }

    private async Task WorkAsync()
    {
        await foreach (var actor in _ready.Reader.ReadAllAsync())
        {
            var messages = actor.Take();
            try
            {
                await TakeTurnAsync(actor, messages);
                actor.Failures = 0;
                if (!actor.Rest()) Schedule(actor);
            }
            catch (Exception error)
            {
                // Replaced meanwhile, the disk is full, middleware failed: nothing is lost, since nothing was acted on. The next turn begins with what is stored.
                actor.Reset();
                actor.Return(messages);
                RetryLater(actor, error);
            }
            finally
            {
                Interlocked.Decrement(ref _busy);
            }

            if (_actors.Count > options.MaxCachedInstances && Interlocked.Exchange(ref _evicting, 1) == 0)
            {
                Evict();
                Volatile.Write(ref _evicting, 0);
            }
        }
    }

    private void RetryLater(InstanceActor actor, Exception error)
    {
        var wait = TimeSpan.FromSeconds(Math.Min(60, 0.05 * Math.Pow(2, actor.Failures++)));
        if (error is not InstanceGoneException || actor.Failures > 3) logger.TurnFailed(error, actor.Key, wait.TotalSeconds);
        _ = WaitAsync();

        async Task WaitAsync()
        {
            try
            {
                await Task.Delay(wait, clock, _stop.Token);
                Schedule(actor);
            }
            catch (OperationCanceledException)
            {
                // The host stops: the messages are in the store.
            }
        }
    }

    private async Task TakeTurnAsync(InstanceActor actor, List<Message> messages)
    {
        actor.LastUsed = Interlocked.Increment(ref _uses);
        var head = actor.Head ??= store.LoadHead(actor.Key);
        if (head is not { IsOpen: true })
        {
            var left = messages.Where(m => m.Inbox != 0).Select(m => m.Inbox).ToList();
            if (left.Count > 0) await store.DropAsync(left);
            Retire(actor);
            return;
        }

        if (!functions.Orchestrators.TryGetValue(head.Name, out var function))
        {
            await StoreAsync(actor, head, new Turn { CustomStatus = head.CustomStatus }, new TurnEnd(RunState.Failed, null, Failures.Write(Failures.Missing(Failures.OrchestratorNotFound, "orchestrator", head.Name)), null, false), clock.GetUtcNow().UtcDateTime, []);
            return;
        }

        var now = clock.GetUtcNow().UtcDateTime;
        var voided = new List<long>();
        var rest = new List<Message>();
        var terminateChildren = false;
        await InvokeAsync(head, function, context =>
        {
            var run = Load(actor, head, function);
            run.Function = context;
            if (run.Now > now) now = run.Now;
            foreach (var message in messages)
            {
                if (run.State == RunState.ContinuedAsNew)
                {
                    rest.Add(message);
                    continue;
                }

                if (message.Inbox != 0) voided.Add(message.Inbox);
                if (message.Execution != 0 && message.Execution != head.Execution) continue;
                if (run.Apply(message, now) && message is { Kind: HistoryKind.Terminated, Name: Store.Recursive }) terminateChildren = true;
            }

            run.CheckStuck();
            run.Function = null;
        });

        var after = actor.Run!;
        var turn = after.TakeTurn();
        turn.Taken.AddRange(voided);
        if (turn.IsEmpty && !after.IsOver) return;
        var failure = after.Failure is null ? null : Failures.Write(after.Failure);
        await StoreAsync(actor, head, turn, new TurnEnd(after.State, after.Output, failure, after.NextInput, terminateChildren), now, rest);
    }

    private OrchestrationRun Load(InstanceActor actor, InstanceHead head, DurableFunction function)
    {
        if (actor.Run is { } cached) return cached;
        var run = new OrchestrationRun(head, (context, functionContext) => function.CallAsync(new DurableCall(services, functionContext, context, head.Id, head.Input, settings.Converter, CancellationToken.None)),
            settings, () => Post(head.Key, new Message(HistoryKind.None)));
        actor.Run = run;
        actor.Function = function;
        if (head.Events == 0) return run;
        Interlocked.Increment(ref _replays);
        try
        {
            run.Replay(store.LoadHistory(head.Key, head.Events));
        }
        catch (NonDeterministicOrchestrationException error)
        {
            run.Abort(error);
        }

        return run;
    }

    private async Task InvokeAsync(InstanceHead head, DurableFunction function, Action<FunctionContext> body)
    {
        var done = false;
        var data = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase) { ["instanceId"] = head.Id };
        await pipeline.InvokeAsync(
            function.Method,
            function.Name,
            data,
            context =>
            {
                body(context);
                done = true;
                return Task.CompletedTask;
            },
            CancellationToken.None);
        if (!done) throw new InvalidOperationException($"Middleware did not call orchestrator '{function.Name}'.");
    }

    private async Task StoreAsync(InstanceActor actor, InstanceHead head, Turn turn, TurnEnd end, DateTime now, List<Message> rest)
    {
        var effects = await store.CommitAsync(head, turn, end, now);
        metrics.TurnStored(turn.Events.Count);
        var over = end.State is RunState.Completed or RunState.Failed or RunState.Terminated;
        if (over) metrics.OrchestrationEnded(head.Name, end.State);
        if (end.State == RunState.Failed) logger.OrchestrationFailed(head.Name, head.Id, Failures.Read(end.Failure).ErrorType);
        if (over || end.State == RunState.ContinuedAsNew)
        {
            actor.Reset();
            Abandoned(head.Key, head.Execution);
        }
        else
        {
            actor.Head = head with
            {
                Turn = head.Turn + 1, Events = head.Events + turn.Events.Count, CustomStatus = turn.CustomStatus,
                Status = end.State switch { RunState.Pending => OrchestrationRuntimeStatus.Pending, RunState.Suspended => OrchestrationRuntimeStatus.Suspended, _ => OrchestrationRuntimeStatus.Running },
            };
            foreach (var item in turn.Opened) Open(head, item);
        }

        // What the next execution begins with comes before what was left of this turn, and that before what has come since.
        var own = effects.Deliveries.Where(delivery => delivery.Instance == head.Key).Select(delivery => delivery.Message).Concat(rest).ToList();
        if (own.Count > 0) actor.Return(own);
        foreach (var (instance, message) in effects.Deliveries)
        {
            if (instance != head.Key) Post(instance, message);
        }

        if (over) Retire(actor);
        if (over || head.Status != actor.Head?.Status) Changed(head.Id);
    }

    private void Open(InstanceHead head, in WorkItem item)
    {
        if (item.Kind == WorkKind.Timer) TimerOpened(new TimerItem(head.Key, head.Execution, item.Task), item.Due);
        if (item.Kind != WorkKind.Activity) return;
        var stored = item.Input is { Length: > Store.MaxQueuedInput };
        ActivityOpened(new ActivityItem(head.Key, head.Id, head.Execution, item.Task, item.Name!, stored ? null : item.Input, stored));
    }

    private void Retire(InstanceActor actor)
    {
        actor.Reset();
        if (actor.TryRetire(inTurn: true)) _actors.TryRemove(new(actor.Key, actor));
    }

    /// <summary>Drops the least used tenth of the cached instances; what is waiting for its turn stays.</summary>
    private void Evict()
    {
        var drop = (_actors.Count - options.MaxCachedInstances) + (options.MaxCachedInstances / 10);
        // The dictionary's own copy: the general one fails when the dictionary grows meanwhile.
        foreach (var (key, actor) in _actors.ToArray().OrderBy(pair => pair.Value.LastUsed).Take(drop))
        {
            if (actor.TryRetire(inTurn: false)) _actors.TryRemove(new(key, actor));
        }
    }
}
