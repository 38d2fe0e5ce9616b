using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace Skylight.ReplayRules;

/// <summary>What an orchestration must not do. Each line that ends in "// banned" must fail the build, and no other.</summary>
public static class Violations
{
    public static async Task<object?> RunAsync(TaskOrchestrationContext context, CancellationTokenSource source)
    {
        var seen = new List<object?>
        {
            DateTime.UtcNow, // banned
            DateTime.Now, // banned
            DateTimeOffset.UtcNow, // banned
            TimeProvider.System.GetTimestamp(), // banned
            TimeZoneInfo.Local, // banned
            System.Diagnostics.Stopwatch.GetTimestamp(), // banned
            Guid.NewGuid(), // banned
            new Random(1).Next(), // banned
            System.Security.Cryptography.RandomNumberGenerator.GetInt32(9), // banned
            Environment.MachineName, // banned
            Environment.GetEnvironmentVariable("X"), // banned
            "text".GetHashCode(), // banned
            HashCode.Combine(1, 2), // banned
            File.Exists("x"), // banned
            new HttpClient(), // banned
            System.Collections.Immutable.ImmutableHashSet.Create("a", "b"), // banned
        };
        Thread.Sleep(1); // banned
        Console.WriteLine("x"); // banned
        await Task.Delay(1); // banned
        await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None); // banned
        await Task.Run(() => 1); // banned
        await Task.Run(() => Task.CompletedTask); // banned
        await Task.Factory.StartNew(() => 1); // banned
        await context.CallActivityAsync("X").ConfigureAwait(false); // banned
        await context.CallActivityAsync<int>("X").ConfigureAwait(false); // banned
        await context.CallActivityAsync("X").ContinueWith(_ => 1); // banned
        Parallel.For(0, 1, _ => { }); // banned
        await source.CancelAsync(); // banned
        source.CancelAfter(1); // banned
        return seen;
    }

    public static async Task<string> AllowedAsync(TaskOrchestrationContext context)
    {
        context.CreateReplaySafeLogger("x").IsEnabled(LogLevel.Debug);
        using var cancel = new CancellationTokenSource();
        var timer = context.CreateTimer(context.CurrentUtcDateTime.AddDays(30), cancel.Token);
        var work = context.CallActivityAsync<string>("X", context.NewGuid());
        if (await Task.WhenAny(timer, work) == work) cancel.Cancel();
        return await work;
    }

    public static object? Services(IServiceProvider services) => services.GetService(typeof(string)); // banned
}
