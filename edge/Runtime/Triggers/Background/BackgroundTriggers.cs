using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Core.Queues;
using Skylight.Core.Uploads;
using Skylight.Edge.Hosting;
using Skylight.Edge.Hosting.Telemetry;
using Skylight.Local.Queues;

namespace Skylight.Edge.Runtime.Triggers.Background;

/// <summary>Runs queue, Event Grid and blob functions, each on a queue of its own, from when the host listens until it drains.</summary>
internal sealed class BackgroundTriggers(
    FunctionCatalog catalog,
    FunctionRunner runner,
    SqliteQueue queue,
    EventSubscriptions subscriptions,
    HostSettings host,
    IOptions<EdgeOptions> options,
    TriggerGate gate,
    Drain drain,
    EdgeTelemetry telemetry,
    TimeProvider time,
    IIngress ingress,
    ILogger<BackgroundTriggers> logger) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<QueueConsumer> _consumers = [];
    private Task _running = Task.CompletedTask;

    /// <summary>Binds every function; nothing runs before the host listens.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        foreach (var function in catalog.Of<QueueTriggerAttribute>()) AddQueue(function, errors);
        foreach (var function in catalog.Of<EventGridTriggerAttribute>()) EventFunctions.Add(function, this, subscriptions, errors);
        foreach (var function in catalog.Of<BlobTriggerAttribute>()) BlobFunctions.Add(function, this, subscriptions, ingress, errors);
        if (errors.Count > 0) throw new StartupException(errors);
        telemetry.Meter.CreateObservableGauge("skylight.queue.messages", Lengths, null, "Messages in a queue, those being handled included.");
        _running = RunAsync();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        _stopping.Dispose();
        foreach (var consumer in _consumers) consumer.Dispose();
    }

    internal void Consume(ConsumerSettings settings, Func<QueueMessage, CancellationToken, Task> handle) =>
        _consumers.Add(new QueueConsumer(queue, settings, handle, drain, time, logger));

    internal async Task RunFunctionAsync(FunctionEntry function, Argument[] arguments, ImmutableDictionary<string, object?> data, int dequeueCount, int maxDequeueCount, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.Value.TimeLimitOf(function.Name, host) ?? Timeout.InfiniteTimeSpan, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var result = await runner.RunAsync(function, arguments, data, dequeueCount - 1, maxDequeueCount - 1, linked.Token);
        if (QueueOutput(function) is not { } output) return;
        var bodies = Payload.From(result).Select(body => (output, body)).ToArray();
        if (bodies.Any(b => b.body.Length > IQueue.MaxBodyBytes)) throw new InvalidOperationException($"Function '{function.Name}' returned a message of more than {IQueue.MaxBodyBytes} bytes.");
        await queue.SendManyAsync(bodies, TimeSpan.Zero, linked.Token);
    }

    /// <summary>Every queue that holds messages, and those that functions read even when they are empty.</summary>
    private IEnumerable<Measurement<long>> Lengths()
    {
        if (_stopping.IsCancellationRequested) return [];
        var counts = queue.Counts();
        return counts.Keys.Union(_consumers.Select(c => c.Queue), StringComparer.Ordinal)
            .Select(name => new Measurement<long>(counts.GetValueOrDefault(name), new KeyValuePair<string, object?>("queue", name)));
    }

    private static string? QueueOutput(FunctionEntry function) =>
        (Attribute.GetCustomAttribute(function.Method, typeof(QueueOutputAttribute)) as QueueOutputAttribute)?.QueueName;

    private async Task RunAsync()
    {
        try
        {
            await gate.WaitAsync(_stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        await Task.WhenAll(_consumers.Select(c => c.RunAsync(_stopping.Token)));
    }

    private void AddQueue(FunctionEntry function, List<string> errors)
    {
        var name = ((QueueTriggerAttribute)function.Trigger).QueueName;
        var type = function.TriggerParameter.ParameterType;
        var convert = Payload.To(type);
        string[] names = ["Id", "PopReceipt", "DequeueCount", "InsertionTime", "NextVisibleTime", "QueueTrigger"];
        var arguments = Arguments.Bind(function, convert is null ? null : TriggerValue.Get, names, errors);
        Consume(
            new ConsumerSettings(name, function.Name, host.QueueBatchSize, host.QueueMaxDequeueCount, _ => host.QueueVisibilityTimeout, host.QueueMaxPollingInterval),
            (received, cancellation) =>
            {
                var data = ImmutableDictionary.Create<string, object?>(StringComparer.OrdinalIgnoreCase)
                    .Add("Id", received.Id)
                    .Add("PopReceipt", received.Receipt)
                    .Add("DequeueCount", received.DequeueCount)
                    .Add("InsertionTime", received.InsertedAt)
                    .Add("NextVisibleTime", received.VisibleAt)
                    .Add("QueueTrigger", Encoding.UTF8.GetString(received.Body.Span))
                    .Add(TriggerValue.Key, convert!(received.Body));
                return RunFunctionAsync(function, arguments, data, received.DequeueCount, host.QueueMaxDequeueCount, cancellation);
            });
    }
}

/// <summary>The trigger parameter's value, handed through the binding data under a name that no parameter can have.</summary>
internal static class TriggerValue
{
    public const string Key = "$trigger";

    public static object? Get(FunctionContext context) => context.BindingContext.BindingData[Key];
}
