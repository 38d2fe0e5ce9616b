using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// Runs activities, so many at once, in the order they were opened. A result goes to the instance, which stores it; an activity whose result was not stored when the
/// process ended is run again: at least once, with one result.
/// </summary>
internal sealed class Activities(
    Store store, DurableFunctions functions, IFunctionInvocationPipeline pipeline, RunSettings settings, DurableOptions options, DurableMetrics metrics, ILogger logger) : IDisposable
{
    private readonly Channel<(ActivityItem Item, Group Group)> _queue = Channel.CreateUnbounded<(ActivityItem, Group)>();
    private readonly ConcurrentDictionary<(long Instance, int Execution), Group> _groups = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _workers = Task.CompletedTask;
    private int _running;

    public required Action<long, Message> Done { get; init; }

    public int Running => Volatile.Read(ref _running);

    public int Waiting => _queue.Reader.Count;

    public void Start() => _workers = Task.WhenAll(Enumerable.Range(0, options.MaxConcurrentActivities).Select(_ => Task.Run(WorkAsync)));

    public void Open(ActivityItem item)
    {
        var group = _groups.GetOrAdd((item.Instance, item.Execution), static _ => new Group());
        Interlocked.Increment(ref group.Waiting);
        _queue.Writer.TryWrite((item, group));
    }

    /// <summary>Activities of this execution (0: of every one) that have not begun are not run any more; those that run end by themselves, their results void.</summary>
    public void Abandon(long instance, int execution)
    {
        if (execution != 0)
        {
            if (_groups.TryGetValue((instance, execution), out var group)) group.IsAbandoned = true;
            return;
        }

        foreach (var ((key, _), group) in _groups)
        {
            if (key == instance) group.IsAbandoned = true;
        }
    }

    /// <summary>Cancels what runs and waits for it; what is waiting stays in the store.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        _queue.Writer.TryComplete();
        await _stop.CancelAsync();
        try
        {
            await _workers.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            logger.StoppedHard(Running);
        }
    }

    public void Dispose() => _stop.Dispose();

    private async Task WorkAsync()
    {
        await foreach (var (item, group) in _queue.Reader.ReadAllAsync())
        {
            if (Interlocked.Decrement(ref group.Waiting) == 0) _groups.TryRemove(new((item.Instance, item.Execution), group));
            if (_stop.IsCancellationRequested) return;
            if (group.IsAbandoned) continue;
            Interlocked.Increment(ref _running);
            try
            {
                if (await RunAsync(item) is { } message) Done(item.Instance, message);
            }
            finally
            {
                Interlocked.Decrement(ref _running);
            }
        }
    }

    /// <summary>The activity's result or failure; null when the host stopped it or nothing waits for it any more.</summary>
    private async Task<Message?> RunAsync(ActivityItem item)
    {
        try
        {
            if (!functions.Activities.TryGetValue(item.Name, out var function))
                return Failed(item, Failures.Missing(Failures.ActivityNotFound, "activity", item.Name));
            var input = item.IsInputStored ? store.ActivityInput(item) : item.Input;
            // Its orchestration has ended meanwhile.
            if (item.IsInputStored && input is null) return null;
            var result = await InvokeAsync(item, function, input);
            metrics.ActivityRun(item.Name, "done");
            var data = settings.Converter.Serialize(result);
            Payloads.Check(data, $"output of activity '{item.Name}'", settings.MaxPayloadBytes);
            return new Message(HistoryKind.ActivityCompleted, item.Execution, item.Task, null, data);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            metrics.ActivityRun(item.Name, "cancelled");
            return null;
        }
        catch (Exception error)
        {
            return Failed(item, Failures.From(error));
        }
    }

    private async Task<object?> InvokeAsync(ActivityItem item, DurableFunction function, string? input)
    {
        object? result = null;
        var data = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase) { ["instanceId"] = item.InstanceId };
        await pipeline.InvokeAsync(
            function.Method,
            function.Name,
            data,
            async context => result = await function.CallAsync(
                new DurableCall(context.InstanceServices, context, null, item.InstanceId, input, settings.Converter, context.CancellationToken)),
            _stop.Token);
        return result;
    }

    private Message Failed(ActivityItem item, TaskFailureDetails failure)
    {
        metrics.ActivityRun(item.Name, "failed");
        logger.ActivityFailed(item.Name, item.InstanceId, item.Task, failure.ErrorType);
        return new Message(HistoryKind.ActivityFailed, item.Execution, item.Task, null, Failures.Write(failure));
    }

    /// <summary>The activities of one execution that wait for their turn.</summary>
    private sealed class Group
    {
        public int Waiting;

        public volatile bool IsAbandoned;
    }
}
