using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Skylight.Edge.Runtime.Triggers;
using Skylight.Edge.Runtime.Triggers.Http;

namespace Skylight.Edge.Tests.Triggers;

public sealed class StaticFunction
{
    [Function("Static")]
    public static void Run([QueueTrigger("static")] string text) => Assert.NotNull(text);
}

public sealed class PipelineTests
{
    [Fact]
    public async Task Middleware_Registered_RunsInOrderAroundTheBody()
    {
        var services = new ServiceCollection();
        services.AddSingleton<List<string>>();
        var builder = new EdgeWorkerBuilder(services);
        builder.UseMiddleware<Outer>();
        builder.UseMiddleware<Inner>();
        var pipeline = builder.Build();
        await using var provider = services.BuildServiceProvider();
        var seen = provider.GetRequiredService<List<string>>();
        var function = FunctionCatalog.Discover([typeof(StaticFunction)]).Functions[0];
        var context = new EdgeFunctionContext(function.Definition, provider, new Dictionary<string, object?>(), 0, 0, CancellationToken.None);
        await pipeline.RunAsync(context, _ =>
        {
            seen.Add("body");
            return Task.CompletedTask;
        });
        Assert.Equal(["outer in", "inner in", "body", "inner out", "outer out"], seen);
        Assert.Equal("Skylight.Edge.Tests.Triggers.StaticFunction.Run", context.FunctionDefinition.EntryPoint);
        Assert.Equal("queueTrigger", context.FunctionDefinition.InputBindings["text"].Type);
    }

    [Fact]
    public async Task Gate_MoreThanMayWait_TurnsAway()
    {
        using var gate = new HttpGate(new HostSettings { MaxConcurrentRequests = 1, MaxOutstandingRequests = 2 });
        var first = await gate.EnterAsync(CancellationToken.None);
        var second = gate.EnterAsync(CancellationToken.None).AsTask();
        Assert.False((await gate.EnterAsync(CancellationToken.None)).Admitted);
        Assert.False(second.IsCompleted);
        first.Dispose();
        using var entry = await second;
        Assert.True(entry.Admitted);
    }

    [Theory]
    [InlineData("""{"version":"2.0"}""", "api", 5)]
    [InlineData("""{"extensions":{"http":{"routePrefix":""},"queues":{"maxDequeueCount":3}}} // end""", "", 3)]
    public void HostSettings_File_IsReadAsTheFunctionsHostDoes(string json, string prefix, int dequeues)
    {
        var settings = HostSettings.Read(Write(json));
        Assert.Equal(prefix, settings.RoutePrefix);
        Assert.Equal(dequeues, settings.QueueMaxDequeueCount);
    }

    [Fact]
    public void HostSettings_BadValues_NamesEach()
    {
        var path = Write("""{"functionTimeout":"soon","extensions":{"http":{"routePrefix":7},"queues":{"maxDequeueCount":0,"visibilityTimeout":"-00:00:01"}}}""");
        Assert.Equal(4, Assert.Throws<StartupException>(() => HostSettings.Read(path)).Reasons.Count);
    }

    private static string Write(string json)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("skylight-").FullName, "host.json");
        File.WriteAllText(path, json);
        return path;
    }

    private sealed class Outer(List<string> seen) : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            seen.Add("outer in");
            await next(context);
            seen.Add("outer out");
        }
    }

    private sealed class Inner(List<string> seen) : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            seen.Add("inner in");
            await next(context);
            seen.Add("inner out");
        }
    }
}
