using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Edge.Runtime.Triggers;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Calls functions without middleware, where no host has registered a pipeline.</summary>
internal sealed class DirectInvocation(IServiceScopeFactory scopes) : IFunctionInvocationPipeline
{
    private readonly ConcurrentDictionary<MethodInfo, FunctionEntry> _functions = new();

    public async Task InvokeAsync(MethodInfo method, string functionName, IReadOnlyDictionary<string, object?> bindingData, Func<FunctionContext, Task> body, CancellationToken cancellation)
    {
        var function = _functions.GetOrAdd(
            method,
            static (found, name) => new FunctionEntry(name, found, found.GetParameters().First(parameter => parameter.IsDefined(typeof(TriggerBindingAttribute)))),
            functionName);
        await using var scope = scopes.CreateAsyncScope();
        await body(new EdgeFunctionContext(function.Definition, scope.ServiceProvider, bindingData, 0, 0, cancellation));
    }
}
