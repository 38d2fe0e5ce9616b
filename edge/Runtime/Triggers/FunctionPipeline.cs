using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>Collects middleware where the genuine builder would; <see cref="Build"/> makes the pipeline, outermost first.</summary>
public sealed class EdgeWorkerBuilder(IServiceCollection services) : IFunctionsWorkerApplicationBuilder
{
    private readonly List<Func<FunctionExecutionDelegate, FunctionExecutionDelegate>> _middleware = [];

    public IServiceCollection Services => services;

    public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware)
    {
        _middleware.Add(middleware);
        return this;
    }

    public FunctionPipeline Build()
    {
        FunctionExecutionDelegate next = static context => ((Func<FunctionContext, Task>)context.Items[FunctionPipeline.BodyKey])(context);
        for (var i = _middleware.Count - 1; i >= 0; i--) next = _middleware[i](next);
        return new FunctionPipeline(next);
    }
}

/// <summary>Runs one invocation: the middleware around the function's body.</summary>
public sealed class FunctionPipeline(FunctionExecutionDelegate start)
{
    internal static readonly object BodyKey = new();

    public Task RunAsync(FunctionContext context, Func<FunctionContext, Task> body)
    {
        context.Items[BodyKey] = body;
        return start(context);
    }
}
