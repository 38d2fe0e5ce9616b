using System.Collections.Immutable;
using System.Diagnostics;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Skylight.Edge.Hosting.Telemetry;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>Runs functions that no request waits for: a scope of services, the middleware, a trace and the metrics around each run.</summary>
public sealed class FunctionRunner(FunctionCatalog catalog, FunctionPipeline pipeline, IServiceScopeFactory scopes, EdgeTelemetry telemetry, TimeProvider time) : IFunctionInvocationPipeline
{
    /// <param name="data">Binding data: what the trigger knows, by name.</param>
    /// <param name="retryCount">How often this run has failed before.</param>
    /// <returns>What the function returned.</returns>
    internal async Task<object?> RunAsync(FunctionEntry function, Argument[] arguments, ImmutableDictionary<string, object?> data, int retryCount, int maxRetryCount, CancellationToken cancellationToken)
    {
        object? result = null;
        await InvokeAsync(
            function,
            data,
            async context => result = await function.Body(context.InstanceServices, Arguments.Values(arguments, context)),
            retryCount,
            maxRetryCount,
            cancellationToken);
        return result;
    }

    /// <summary>Runs <paramref name="body"/> as the function <paramref name="functionName"/>, for engines that call its method themselves.</summary>
    public Task InvokeAsync(MethodInfo method, string functionName, IReadOnlyDictionary<string, object?> bindingData, Func<FunctionContext, Task> body, CancellationToken cancellation)
    {
        var function = catalog.Find(method) ?? throw new InvalidOperationException($"'{functionName}' is not a function of this host.");
        return InvokeAsync(function, bindingData, body, 0, 0, cancellation);
    }

    private async Task InvokeAsync(FunctionEntry function, IReadOnlyDictionary<string, object?> data, Func<FunctionContext, Task> body, int retryCount, int maxRetryCount, CancellationToken cancellationToken)
    {
        using var activity = EdgeTelemetry.Source.StartActivity("run " + function.Name) ?? new Activity("run " + function.Name).SetIdFormat(ActivityIdFormat.W3C).Start();
        var started = time.GetTimestamp();
        var outcome = "done";
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            await pipeline.RunAsync(new EdgeFunctionContext(function.Definition, scope.ServiceProvider, data, retryCount, maxRetryCount, cancellationToken), body);
        }
        catch (Exception error)
        {
            outcome = error is OperationCanceledException && cancellationToken.IsCancellationRequested ? "cancelled" : "failed";
            activity.SetStatus(ActivityStatusCode.Error);
            throw;
        }
        finally
        {
            activity.SetTag("faas.name", function.Name);
            telemetry.Invocations.Record(
                time.GetElapsedTime(started).TotalSeconds,
                new("function", function.Name),
                new("trigger", function.Definition.TriggerType),
                new("outcome", outcome));
        }
    }
}
