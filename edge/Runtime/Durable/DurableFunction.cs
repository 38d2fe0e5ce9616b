using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>What one call of a function knows.</summary>
internal readonly record struct DurableCall(
    IServiceProvider Services,
    FunctionContext? Function,
    TaskOrchestrationContext? Orchestration,
    string InstanceId,
    string? SerializedInput,
    DataConverter Converter,
    CancellationToken Cancellation)
{
    /// <summary>The input as the parameter's type; its default when there is no input. A TaskActivityContext is not given, as in the genuine worker.</summary>
    public object? Input(Type type)
    {
        if (type == typeof(TaskActivityContext)) return null;
        return SerializedInput is null ? (type.IsValueType ? Activator.CreateInstance(type) : null) : Converter.Deserialize(SerializedInput, type);
    }
}

internal delegate object? DurableArgument(in DurableCall call);

/// <summary>An orchestrator or activity: a public method, static or of a class made from the call's services.</summary>
internal sealed class DurableFunction
{
    private readonly DurableArgument[] _arguments;
    private readonly MethodInvoker _invoker;
    private readonly ObjectFactory? _factory;
    private readonly Func<object?, Task<object?>> _unwrap;

    public DurableFunction(string name, MethodInfo method, DurableArgument[] arguments)
    {
        (Name, Method, _arguments) = (name, method, arguments);
        _invoker = MethodInvoker.Create(method);
        _factory = method.IsStatic ? null : ActivatorUtilities.CreateFactory(method.DeclaringType!, Type.EmptyTypes);
        _unwrap = Unwrapper(method.ReturnType);
    }

    public string Name { get; }

    public MethodInfo Method { get; }

    /// <summary>Calls the function: its result, null when it has none; its exceptions unchanged.</summary>
    public async Task<object?> CallAsync(DurableCall call)
    {
        var values = new object?[_arguments.Length];
        for (var i = 0; i < values.Length; i++) values[i] = _arguments[i](call);
        if (_factory is null) return await _unwrap(Invoke(null, values));
        var instance = _factory(call.Services, null);
        try
        {
            return await _unwrap(Invoke(instance, values));
        }
        finally
        {
            if (instance is IAsyncDisposable asynchronous) await asynchronous.DisposeAsync();
            else if (instance is IDisposable disposable) disposable.Dispose();
        }
    }

    private object? Invoke(object? instance, object?[] values)
    {
        try
        {
            return _invoker.Invoke(instance, values.AsSpan());
        }
        catch (TargetInvocationException error) when (error.InnerException is { } inner)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }

    private static Func<object?, Task<object?>> Unwrapper(Type type)
    {
        if (type == typeof(Task)) return PlainAsync;
        if (type == typeof(ValueTask)) return result => PlainAsync(((ValueTask)result!).AsTask());
        if (type.IsGenericType && type.GetGenericTypeDefinition() is var definition && (definition == typeof(Task<>) || definition == typeof(ValueTask<>)))
        {
            var name = definition == typeof(Task<>) ? nameof(TypedAsync) : nameof(TypedValueAsync);
            return typeof(DurableFunction).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(type.GetGenericArguments()).CreateDelegate<Func<object?, Task<object?>>>();
        }

        return Task.FromResult;
    }

    private static async Task<object?> PlainAsync(object? task)
    {
        await (Task)task!;
        return null;
    }

    private static async Task<object?> TypedAsync<T>(object? task) => await (Task<T>)task!;

    private static async Task<object?> TypedValueAsync<T>(object? task) => await (ValueTask<T>)task!;
}
