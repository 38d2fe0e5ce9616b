using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>The client that functions get for <c>[DurableClient]</c>. What it has answered is on disk.</summary>
internal sealed class DurableClient(Store store, Orchestrations orchestrations, Timers timers, RunSettings settings, TimeProvider clock, ILogger logger) : DurableTaskClient("skylight")
{
    /// <summary>Statuses in which an instance keeps its id for itself unless the caller says otherwise.</summary>
    private static readonly HashSet<int> Open = [Store.Running, Store.Pending, Store.Suspended];

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _waiting = new(StringComparer.Ordinal);

    public override async Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(orchestratorName.Name, nameof(orchestratorName));
        var id = options?.InstanceId is { Length: > 0 } given ? given : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var data = Serialize(input, $"input of orchestration '{orchestratorName.Name}'");
        var created = await store.CreateAsync(
            new NewInstance(id, orchestratorName.Name, data, options?.StartAt?.UtcDateTime, options?.Tags, Blocking(options?.DedupeStatuses)), cancellation);
        if (created.Replaced is { } replaced) orchestrations.Forget(replaced);
        if (created.Start is { } start) orchestrations.Post(created.Key, start);
        else timers.Add(new TimerItem(created.Key, 0, WorkItem.StartTask), options!.StartAt!.Value.UtcDateTime);
        return id;
    }

    public override async Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        var data = Serialize(eventPayload, $"event '{eventName}'");
        if (!await TellAsync(instanceId, new Message(HistoryKind.EventRaised, 0, 0, eventName, data), cancellation)) logger.EventDropped(eventName, instanceId);
    }

    public override Task TerminateInstanceAsync(string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var output = Serialize(options?.Output, "output of the termination");
        return TellAsync(instanceId, new Message(HistoryKind.Terminated, 0, 0, options?.Recursive == true ? Store.Recursive : null, output), cancellation);
    }

    public override Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return TellAsync(instanceId, new Message(HistoryKind.Suspended, 0, 0, null, reason), cancellation);
    }

    public override Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return TellAsync(instanceId, new Message(HistoryKind.Resumed, 0, 0, null, reason), cancellation);
    }

    public override Task<OrchestrationMetadata?> GetInstancesAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(store.Find(instanceId, getInputsAndOutputs, settings.Converter));
    }

    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null)
    {
        var query = filter ?? new OrchestrationQuery();
        return Pageable.Create((continuation, size, cancellation) =>
        {
            cancellation.ThrowIfCancellationRequested();
            return Task.FromResult(store.Query(query, continuation ?? query.ContinuationToken, Math.Clamp(size ?? query.PageSize, 1, 10_000), settings.Converter));
        });
    }

    public override Task<OrchestrationMetadata> WaitForInstanceStartAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        WaitAsync(instanceId, getInputsAndOutputs, metadata => metadata.RuntimeStatus != OrchestrationRuntimeStatus.Pending, cancellation);

    public override Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        WaitAsync(instanceId, getInputsAndOutputs, metadata => metadata.IsCompleted, cancellation);

    public override async Task<PurgeResult> PurgeInstanceAsync(string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return new PurgeResult(await store.PurgeAsync(instanceId, options?.Recursive == true, cancellation), true);
    }

    public override async Task<PurgeResult> PurgeAllInstancesAsync(PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (filter.Timeout is { } given) ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(given, TimeSpan.Zero, nameof(filter));
        var deadline = filter.Timeout is { } timeout ? clock.GetUtcNow().UtcDateTime + timeout : (DateTime?)null;
        var (count, isComplete) = await store.PurgeAsync(filter, null, options?.Recursive == true, deadline, cancellation);
        return new PurgeResult(count, isComplete);
    }

    public override async Task<string> RestartAsync(string instanceId, bool restartWithNewInstanceId = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var id = restartWithNewInstanceId ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) : null;
        var restarted = await store.RestartAsync(instanceId, id, cancellation);
        if (restarted.Replaced is { } replaced) orchestrations.Forget(replaced);
        orchestrations.Post(restarted.Key, restarted.Start);
        return id ?? instanceId;
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>An instance stands differently: whoever waits for it looks again.</summary>
    internal void Changed(string instanceId)
    {
        if (_waiting.TryRemove(instanceId, out var waiting)) waiting.TrySetResult();
    }

    private async Task<OrchestrationMetadata> WaitAsync(string instanceId, bool withData, Func<OrchestrationMetadata, bool> reached, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        while (true)
        {
            // Registered before looking, so that no change falls between the two.
            var changed = _waiting.GetOrAdd(instanceId, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            if (store.Find(instanceId, withData, settings.Converter) is { } metadata && reached(metadata))
            {
                _waiting.TryRemove(new(instanceId, changed));
                changed.TrySetResult();
                return metadata;
            }

            await changed.Task.WaitAsync(cancellation);
        }
    }

    private async Task<bool> TellAsync(string instanceId, Message message, CancellationToken cancellation)
    {
        if (await store.TellAsync(instanceId, message, cancellation) is not { } told) return false;
        orchestrations.Post(told.Key, told.Message);
        return true;
    }

    private string? Serialize(object? value, string what)
    {
        var data = settings.Converter.Serialize(value);
        Payloads.Check(data, what, settings.MaxPayloadBytes);
        return data;
    }

    private static HashSet<int> Blocking(IReadOnlyList<string>? dedupe)
    {
        if (dedupe is null) return Open;
        var blocking = new HashSet<int>();
        foreach (var name in dedupe)
        {
            if (!Enum.TryParse<OrchestrationRuntimeStatus>(name, ignoreCase: true, out var status)) throw new ArgumentException($"'{name}' is not an orchestration status.", nameof(dedupe));
            blocking.Add((int)status);
        }

        return blocking;
    }
}
