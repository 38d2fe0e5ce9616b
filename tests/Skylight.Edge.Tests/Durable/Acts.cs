using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace Skylight.Edge.Tests.Durable;

/// <summary>The activities that the tests run.</summary>
public static class Acts
{
    /// <summary>Ends <see cref="Block"/>; a test makes its own.</summary>
    internal static volatile TaskCompletionSource<string> Gate = new();

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> Attempts = new();

    [Function(nameof(Echo))]
    public static string Echo([ActivityTrigger] string text) => text;

    [Function("Echo2")]
    public static string Echo2([ActivityTrigger] string text) => text;

    [Function(nameof(Double))]
    public static int Double([ActivityTrigger] int number) => number * 2;

    [Function(nameof(Throw))]
    public static Task Throw([ActivityTrigger] string message) => throw new OddException(message, new FormatException("inner"));

    /// <summary>Fails until it was called so many times for the instance.</summary>
    [Function(nameof(Flaky))]
    public static Task<string> Flaky([ActivityTrigger] int attempts, string instanceId)
    {
        var attempt = Attempts.AddOrUpdate(instanceId, 1, (_, count) => count + 1);
        return attempt < attempts ? throw new OddException("again", new FormatException()) : Task.FromResult($"attempt {attempt}");
    }

    [Function(nameof(Blow))]
    public static string Blow([ActivityTrigger] int length) => new('x', length);

    [Function(nameof(Block))]
    public static Task<string> Block([ActivityTrigger] string? nothing, CancellationToken cancellation) => Gate.Task.WaitAsync(cancellation);
}

/// <summary>Activities of a class with services.</summary>
public sealed class Counting2(Counter counter)
{
    [Function(nameof(Bound))]
    public string Bound([ActivityTrigger] int number, string instanceId, CancellationToken cancellation)
    {
        counter.Add(instanceId);
        return $"{number + 1} {instanceId} {cancellation.CanBeCanceled}";
    }

    [Function(nameof(Slow))]
    public async Task Slow([ActivityTrigger] string text, string instanceId, CancellationToken cancellation)
    {
        counter.Add(instanceId);
        await Task.Delay(20, cancellation);
    }

    [Function(nameof(Told))]
    public static string Told([ActivityTrigger] string text, FunctionContext context) => $"{text} {context.FunctionDefinition.Name} {context.BindingContext.BindingData["instanceId"]}";
}
