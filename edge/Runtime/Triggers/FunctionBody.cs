using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>Calls a function's method whatever it returns: nothing, a value, Task, Task&lt;T&gt;, ValueTask or ValueTask&lt;T&gt;.</summary>
internal static class FunctionBody
{
    public static Func<IServiceProvider, object?[], ValueTask<object?>> Compile(MethodInfo method)
    {
        var unwrap = Unwrapper(method.ReturnType);
        var factory = method.IsStatic ? null : ActivatorUtilities.CreateFactory(method.DeclaringType!, Type.EmptyTypes);
        return async (services, arguments) =>
        {
            // Disposed with the scope when the class is disposable: the scope does not own what ActivatorUtilities makes.
            var instance = factory?.Invoke(services, null);
            try
            {
                return await unwrap(method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, arguments, null));
            }
            finally
            {
                if (instance is IAsyncDisposable asynchronous) await asynchronous.DisposeAsync();
                else if (instance is IDisposable disposable) disposable.Dispose();
            }
        };
    }

    private static Func<object?, ValueTask<object?>> Unwrapper(Type type)
    {
        if (type == typeof(Task)) return Plain;
        if (type == typeof(ValueTask)) return PlainValue;
        if (type.IsGenericType)
        {
            var definition = type.GetGenericTypeDefinition();
            var name = definition == typeof(Task<>) ? nameof(Typed) : definition == typeof(ValueTask<>) ? nameof(TypedValue) : null;
            if (name is not null)
            {
                return typeof(FunctionBody).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!
                    .MakeGenericMethod(type.GetGenericArguments()).CreateDelegate<Func<object?, ValueTask<object?>>>();
            }
        }

        return ValueTask.FromResult;
    }

    private static async ValueTask<object?> Plain(object? task)
    {
        await (Task)task!;
        return null;
    }

    private static async ValueTask<object?> PlainValue(object? task)
    {
        await (ValueTask)task!;
        return null;
    }

    private static async ValueTask<object?> Typed<T>(object? task) => await (Task<T>)task!;

    private static async ValueTask<object?> TypedValue<T>(object? task) => await (ValueTask<T>)task!;
}
