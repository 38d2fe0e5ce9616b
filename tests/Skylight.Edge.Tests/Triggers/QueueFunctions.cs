using System.Collections.Concurrent;
using Azure.Messaging;
using Microsoft.Azure.Functions.Worker;
using Skylight.Functions.Events;

namespace Skylight.Edge.Tests.Triggers;

/// <summary>What the functions under test were called with, and how they should behave.</summary>
public sealed class Recorder : IDisposable
{
    private readonly ConcurrentQueue<string> _calls = new();
    private readonly SemaphoreSlim _signal = new(0);

    public IReadOnlyCollection<string> Calls => _calls;

    /// <summary>Throws, waits or does nothing; given the call's text.</summary>
    public Func<string, CancellationToken, Task> Behave { get; set; } = (_, _) => Task.CompletedTask;

    public async Task CallAsync(string text, CancellationToken cancellationToken)
    {
        _calls.Enqueue(text);
        _signal.Release();
        await Behave(text, cancellationToken);
    }

    public void Dispose() => _signal.Dispose();

    /// <summary>Waits for so many more calls.</summary>
    public async Task NextAsync(int count = 1)
    {
        for (var i = 0; i < count; i++) Assert.True(await _signal.WaitAsync(TimeSpan.FromSeconds(20)), "the function was not called");
    }
}

public sealed record Order(string Name, int Count);

public sealed class QueueFunctions(Recorder recorder)
{
    [Function("OnText")]
    public Task OnText([QueueTrigger("test-text")] string message, int dequeueCount, FunctionContext context, CancellationToken cancellationToken) =>
        recorder.CallAsync($"{message} {dequeueCount} {context.RetryContext.RetryCount}", cancellationToken);

    [Function("OnOrder")]
    [QueueOutput("test-orders-done")]
    public async Task<string[]> OnOrder([QueueTrigger("test-orders")] Order order, CancellationToken cancellationToken)
    {
        await recorder.CallAsync($"{order.Name} {order.Count}", cancellationToken);
        return ["done " + order.Name, "第二条"];
    }
}

public sealed class EventFunctions(Recorder recorder)
{
    [Function("OnEvent")]
    [EventFilter("study.completed", SubjectBeginsWith = "studies/")]
    public Task OnEvent([EventGridTrigger] CloudEvent item, CancellationToken cancellationToken) =>
        recorder.CallAsync($"OnEvent {item.Type} {item.Subject} {item.Data}", cancellationToken);

    [Function("OnEverything")]
    public Task OnEverything([EventGridTrigger(IsBatched = true)] string[] items, CancellationToken cancellationToken) =>
        recorder.CallAsync($"OnEverything {items.Length}", cancellationToken);
}

public sealed class BlobFunctions(Recorder recorder)
{
    [Function("OnBlob")]
    public async Task OnBlob([BlobTrigger("{container}/{folder}/{name}.json", Source = BlobTriggerSource.EventGrid)] Stream content, string folder, string name, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(content);
        await recorder.CallAsync($"{folder} {name} {await reader.ReadToEndAsync(cancellationToken)}", cancellationToken);
    }
}
