using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.DurableTask;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>The orchestrators and activities of the given types, by name; names do not distinguish case.</summary>
internal sealed class DurableFunctions
{
    private readonly Dictionary<string, DurableFunction> _orchestrators = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, DurableFunction> _activities = new(StringComparer.OrdinalIgnoreCase);

    /// <exception cref="StartupException">Names every function that cannot be called, and why.</exception>
    public DurableFunctions(IEnumerable<Type> types)
    {
        var errors = new List<string>();
        foreach (var method in types.SelectMany(Methods))
        {
            if (method.GetCustomAttribute<FunctionAttribute>() is not { } function) continue;
            var parameters = method.GetParameters();
            var orchestration = Array.Find(parameters, p => p.IsDefined(typeof(OrchestrationTriggerAttribute)));
            var activity = Array.Find(parameters, p => p.IsDefined(typeof(ActivityTriggerAttribute)));
            if (orchestration?.GetCustomAttribute<OrchestrationTriggerAttribute>() is { } one)
                Add(_orchestrators, one.Orchestration ?? function.Name, method, p => BindOrchestrator(p, orchestration), errors);
            else if (activity?.GetCustomAttribute<ActivityTriggerAttribute>() is { } other)
                Add(_activities, other.Activity ?? function.Name, method, p => BindActivity(p, activity), errors);
        }

        if (errors.Count > 0) throw new StartupException(errors);
    }

    public IReadOnlyDictionary<string, DurableFunction> Orchestrators => _orchestrators;

    public IReadOnlyDictionary<string, DurableFunction> Activities => _activities;

    private static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly);

    private static void Add(Dictionary<string, DurableFunction> functions, string name, MethodInfo method, Func<ParameterInfo, DurableArgument?> bind, List<string> errors)
    {
        var parameters = method.GetParameters();
        var arguments = new DurableArgument[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
        {
            if (bind(parameters[i]) is { } argument) arguments[i] = argument;
            else errors.Add($"Function '{name}': parameter '{parameters[i].Name}' of type {parameters[i].ParameterType.Name} cannot be bound.");
        }

        if (!functions.TryAdd(name, new DurableFunction(name, method, arguments))) errors.Add($"Two functions are named '{name}'.");
    }

    private static DurableArgument? BindOrchestrator(ParameterInfo parameter, ParameterInfo trigger)
    {
        var type = parameter.ParameterType;
        if (parameter.Position == trigger.Position) return type == typeof(TaskOrchestrationContext) ? static (in DurableCall call) => call.Orchestration : null;
        if (Common(parameter) is { } common) return common;
        // Other bindings would not be the same at a replay; the genuine analyzers refuse them as well.
        return parameter.GetCustomAttributes().Any(a => a is BindingAttribute) ? null : (in DurableCall call) => call.Input(type);
    }

    private static DurableArgument? BindActivity(ParameterInfo parameter, ParameterInfo trigger)
    {
        var type = parameter.ParameterType;
        if (parameter.Position == trigger.Position) return (in DurableCall call) => call.Input(type);
        if (Common(parameter) is { } common) return common;
        if (type == typeof(string) && parameter.Name!.Equals("instanceId", StringComparison.OrdinalIgnoreCase)) return static (in DurableCall call) => call.InstanceId;
        if (parameter.IsDefined(typeof(InputBindingAttribute))) return (in DurableCall call) => call.Services.GetService(type);
        return parameter.HasDefaultValue ? (in DurableCall _) => parameter.DefaultValue : null;
    }

    private static DurableArgument? Common(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(FunctionContext) ? static (in DurableCall call) => call.Function
        : parameter.ParameterType == typeof(CancellationToken) ? static (in DurableCall call) => call.Cancellation
        : null;
}
