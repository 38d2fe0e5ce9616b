using System.Collections.Frozen;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>The functions of the given classes: public methods with <c>[Function]</c> and one trigger parameter, as the Functions host indexes them.</summary>
public sealed class FunctionCatalog
{
    private readonly FrozenDictionary<MethodInfo, FunctionEntry> _byMethod;

    private FunctionCatalog(IReadOnlyList<FunctionEntry> functions)
    {
        Functions = functions;
        _byMethod = functions.ToFrozenDictionary(f => f.Method);
    }

    public IReadOnlyList<FunctionEntry> Functions { get; }

    /// <exception cref="StartupException">Names every function that cannot be indexed, and why.</exception>
    public static FunctionCatalog Discover(IEnumerable<Type> classes)
    {
        var found = new List<FunctionEntry>();
        var errors = new List<string>();
        foreach (var method in classes.Distinct().SelectMany(Methods))
        {
            if (method.GetCustomAttribute<FunctionAttribute>() is not { } function) continue;
            var triggers = method.GetParameters().Where(p => p.GetCustomAttribute<TriggerBindingAttribute>() is not null).ToArray();
            if (triggers.Length != 1) errors.Add($"Function '{function.Name}' ({method.DeclaringType!.Name}.{method.Name}) has {triggers.Length} triggers; it must have one.");
            else if (found.Exists(f => f.Name.Equals(function.Name, StringComparison.OrdinalIgnoreCase))) errors.Add($"Two functions are named '{function.Name}'.");
            else found.Add(new FunctionEntry(function.Name, method, triggers[0]));
        }

        if (errors.Count > 0) throw new StartupException(errors);
        return new FunctionCatalog(found);
    }

    /// <summary>The functions whose trigger is a <typeparamref name="TTrigger"/>.</summary>
    public IEnumerable<FunctionEntry> Of<TTrigger>() where TTrigger : TriggerBindingAttribute => Functions.Where(f => f.Trigger is TTrigger);

    public FunctionEntry? Find(MethodInfo method) => _byMethod.GetValueOrDefault(method);

    private static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly);
}

/// <summary>One function: its name, method, and the parameter that carries the trigger.</summary>
public sealed class FunctionEntry
{
    public FunctionEntry(string name, MethodInfo method, ParameterInfo triggerParameter)
    {
        (Name, Method, TriggerParameter) = (name, method, triggerParameter);
        Trigger = triggerParameter.GetCustomAttribute<TriggerBindingAttribute>()!;
        Definition = new EdgeFunctionDefinition(this);
        Body = FunctionBody.Compile(method);
    }

    public string Name { get; }

    public MethodInfo Method { get; }

    public ParameterInfo TriggerParameter { get; }

    public TriggerBindingAttribute Trigger { get; }

    public EdgeFunctionDefinition Definition { get; }

    /// <summary>Makes the class from the invocation's services and calls the method; the value is the result that the method's task gave.</summary>
    public Func<IServiceProvider, object?[], ValueTask<object?>> Body { get; }
}
