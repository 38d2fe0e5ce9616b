using System.Reflection;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Runs an invocation through the host's middleware. For an orchestrator that is one turn, as in the Functions host: middleware sees every replay.</summary>
public interface IFunctionInvocationPipeline
{
    /// <param name="method">The function's method.</param>
    /// <param name="functionName">The name in its <c>[Function]</c> attribute.</param>
    /// <param name="bindingData">What the trigger knows; <c>instanceId</c> always.</param>
    /// <param name="body">Runs the function; its exceptions must reach the middleware and then the caller unchanged.</param>
    /// <param name="cancellation">Becomes the context's token.</param>
    Task InvokeAsync(MethodInfo method, string functionName, IReadOnlyDictionary<string, object?> bindingData, Func<FunctionContext, Task> body, CancellationToken cancellation);
}
