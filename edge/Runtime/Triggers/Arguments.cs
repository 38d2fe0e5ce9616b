using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>Gives one parameter its value in one invocation.</summary>
internal delegate object? Argument(FunctionContext context);

/// <summary>A value of the trigger that does not fit the parameter it names: for HTTP the route does not match after all.</summary>
internal sealed class ArgumentUnfitException(string parameter) : Exception($"The value for parameter '{parameter}' does not have its type.");

/// <summary>
/// Binds a function's parameters: the trigger's own value, services for input bindings (<c>[DurableClient]</c>), the context types, and
/// everything else by name from the binding data (route values, blob name parts, message metadata).
/// </summary>
internal static class Arguments
{
    /// <param name="trigger">Makes the trigger parameter's value, or null when its type is not supported.</param>
    /// <param name="names">Names that the trigger puts into the binding data.</param>
    public static Argument[] Bind(FunctionEntry function, Argument? trigger, IReadOnlyCollection<string> names, List<string> errors)
    {
        var parameters = function.Method.GetParameters();
        var arguments = new Argument[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            var argument = parameters[i] == function.TriggerParameter || parameters[i].Position == function.TriggerParameter.Position ? trigger : One(parameters[i], names);
            if (argument is null)
                errors.Add($"Function '{function.Name}': parameter '{parameters[i].Name}' of type {parameters[i].ParameterType.Name} cannot be bound. Known here: {string.Join(", ", names)}.");
            arguments[i] = argument!;
        }

        return arguments;
    }

    public static object?[] Values(Argument[] arguments, FunctionContext context)
    {
        var values = new object?[arguments.Length];
        for (var i = 0; i < values.Length; i++) values[i] = arguments[i](context);
        return values;
    }

    private static Argument? One(ParameterInfo parameter, IReadOnlyCollection<string> names)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<InputBindingAttribute>() is not null) return context => context.InstanceServices.GetRequiredService(type);
        if (type == typeof(FunctionContext)) return static context => context;
        if (type == typeof(CancellationToken)) return static context => context.CancellationToken;
        if (type == typeof(HttpContext)) return static context => context.GetHttpContext();
        if (type == typeof(HttpRequest)) return static context => context.GetHttpContext()?.Request;
        if (!names.Contains(parameter.Name!, StringComparer.OrdinalIgnoreCase))
            return parameter.HasDefaultValue ? _ => parameter.DefaultValue : null;
        var absent = parameter.HasDefaultValue ? parameter.DefaultValue : type.IsValueType ? Activator.CreateInstance(type) : null;
        var name = parameter.Name!;
        return context => context.BindingContext.BindingData.TryGetValue(name, out var value) && value is not null ? Convert(value, type, name) : absent;
    }

    internal static object? Convert(object value, Type type, string name)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsInstanceOfType(value)) return value;
        var text = value as string ?? System.Convert.ToString(value, CultureInfo.InvariantCulture)!;
        if (type == typeof(string)) return text;
        try
        {
            if (type.IsEnum) return Enum.Parse(type, text, ignoreCase: true);
            if (type == typeof(DateTimeOffset)) return DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
            return TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException or NotSupportedException)
        {
            throw new ArgumentUnfitException(name);
        }
    }
}
