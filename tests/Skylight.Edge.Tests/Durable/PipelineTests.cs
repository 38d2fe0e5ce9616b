using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>Middleware around orchestrators and activities.</summary>
public sealed class PipelineTests
{
    [Fact]
    public async Task Run_WithFunctionContexts_GivesThem()
    {
        await using var engine = await new EngineFixture().StartAsync();
        Assert.Equal("Telling x Told t", (await engine.RunAsync(nameof(Flows.Telling), "x", "t")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Middleware_SeesEveryTurnAndActivity()
    {
        var pipeline = new Recording();
        await using var engine = await new EngineFixture(configure: services => services.AddSingleton<IFunctionInvocationPipeline>(pipeline)).StartAsync();
        pipeline.Inner = new DirectInvocation(engine.Scopes);
        Assert.Equal("Telling x Told t", (await engine.RunAsync(nameof(Flows.Telling), "x", "t")).ReadOutputAs<string>());
        Assert.Equal(["Telling t", "Told t", "Telling t"], pipeline.Calls);
    }

    [Fact]
    public async Task Middleware_ThatFails_FailsTheActivity_AndTheTurnIsTakenAgain()
    {
        var pipeline = new Recording { FailTurns = 2, FailActivity = true };
        await using var engine = await new EngineFixture(configure: services => services.AddSingleton<IFunctionInvocationPipeline>(pipeline)).StartAsync();
        pipeline.Inner = new DirectInvocation(engine.Scopes);
        var done = await engine.RunAsync(nameof(Flows.Chain), "x");
        Assert.Equal(OrchestrationRuntimeStatus.Failed, done.RuntimeStatus);
        Assert.Equal("middleware", done.FailureDetails!.InnerFailure!.ErrorMessage);
    }

    private sealed class Recording : IFunctionInvocationPipeline
    {
        public DirectInvocation? Inner { get; set; }

        public int FailTurns { get; set; }

        public bool FailActivity { get; set; }

        public ConcurrentQueue<string> Calls { get; } = new();

        public async Task InvokeAsync(MethodInfo method, string functionName, IReadOnlyDictionary<string, object?> bindingData, Func<FunctionContext, Task> body, CancellationToken cancellation)
        {
            Calls.Enqueue($"{functionName} {bindingData["instanceId"]}");
            var isTurn = method.GetParameters()[0].IsDefined(typeof(OrchestrationTriggerAttribute));
            if (isTurn ? FailTurns-- > 0 : FailActivity) throw new InvalidOperationException("middleware");
            await Task.Yield();
            await Inner!.InvokeAsync(method, functionName, bindingData, body, cancellation);
        }
    }
}
