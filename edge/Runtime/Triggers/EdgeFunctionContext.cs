using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>One invocation, as middleware and functions see it.</summary>
public sealed class EdgeFunctionContext : FunctionContext
{
    /// <summary>Where the ASP.NET Core integration puts the request; GetHttpContext() of either build looks there.</summary>
    internal const string HttpContextKey = "HttpRequestContext";

    private readonly CancellationToken _cancellation;
    private Dictionary<object, object>? _items;
    private InvocationFeatures? _features;
    private string? _invocationId;

    public EdgeFunctionContext(FunctionDefinition function, IServiceProvider services, IReadOnlyDictionary<string, object?> bindingData, int retryCount, int maxRetryCount, CancellationToken cancellation)
    {
        (FunctionDefinition, InstanceServices, _cancellation) = (function, services, cancellation);
        BindingContext = new Bindings(bindingData);
        RetryContext = new Retries(retryCount, maxRetryCount);
        var activity = Activity.Current;
        TraceContext = new Trace(activity?.Id ?? "", activity?.TraceStateString ?? "");
    }

    /// <summary>Made when it is asked for: few functions do, and it costs a call into the cryptographic library.</summary>
    public override string InvocationId => _invocationId ?? Interlocked.CompareExchange(ref _invocationId, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), null) ?? _invocationId;

    public override string FunctionId => FunctionDefinition.Id;

    public override TraceContext TraceContext { get; }

    public override BindingContext BindingContext { get; }

    public override RetryContext RetryContext { get; }

    public override IServiceProvider InstanceServices { get; set; }

    public override FunctionDefinition FunctionDefinition { get; }

    public override IDictionary<object, object> Items
    {
        get => _items ??= [];
        set => _items = new(value);
    }

    public override IInvocationFeatures Features => _features ??= new();

    public override CancellationToken CancellationToken => _cancellation;

    private sealed class Bindings(IReadOnlyDictionary<string, object?> data) : BindingContext
    {
        public override IReadOnlyDictionary<string, object?> BindingData => data;
    }

    private sealed class Retries(int count, int max) : RetryContext
    {
        public override int RetryCount => count;

        public override int MaxRetryCount => max;
    }

    private sealed class Trace(string parent, string state) : TraceContext
    {
        public override string TraceParent => parent;

        public override string TraceState => state;
    }

    private sealed class InvocationFeatures : IInvocationFeatures
    {
        private readonly Dictionary<Type, object> _values = [];

        public void Set<T>(T instance)
        {
            if (instance is null) _values.Remove(typeof(T));
            else _values[typeof(T)] = instance;
        }

        public T? Get<T>() => _values.TryGetValue(typeof(T), out var value) ? (T)value : default;

        public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => _values.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>What the Functions host knows of a function.</summary>
public sealed class EdgeFunctionDefinition : FunctionDefinition
{
    internal EdgeFunctionDefinition(FunctionEntry function)
    {
        var method = function.Method;
        Name = function.Name;
        EntryPoint = $"{method.DeclaringType!.FullName}.{method.Name}";
        PathToAssembly = method.DeclaringType.Assembly.Location;
        // Like the genuine worker: stable from start to start, opaque.
        Id = BitConverter.ToUInt32(SHA256.HashData(Encoding.UTF8.GetBytes(Name + '\n' + EntryPoint))).ToString(CultureInfo.InvariantCulture);
        Parameters = [.. method.GetParameters().Select(p => new FunctionParameter(p.Name!, p.ParameterType))];
        // As in functions.metadata: the attribute's name with a lower first letter (httpTrigger).
        var attribute = function.Trigger.GetType().Name;
        TriggerType = char.ToLowerInvariant(attribute[0]) + attribute[1..^"Attribute".Length];
        InputBindings = ImmutableDictionary<string, BindingMetadata>.Empty.Add(function.TriggerParameter.Name!, new Metadata(function.TriggerParameter.Name!, TriggerType));
    }

    /// <summary>The binding type of the trigger, such as <c>queueTrigger</c>.</summary>
    public string TriggerType { get; }

    public override ImmutableArray<FunctionParameter> Parameters { get; }

    public override string PathToAssembly { get; }

    public override string EntryPoint { get; }

    public override string Id { get; }

    public override string Name { get; }

    public override IImmutableDictionary<string, BindingMetadata> InputBindings { get; }

    public override IImmutableDictionary<string, BindingMetadata> OutputBindings { get; } = ImmutableDictionary<string, BindingMetadata>.Empty;

    private sealed class Metadata(string name, string type) : BindingMetadata
    {
        public override string Name => name;

        public override string Type => type;

        public override BindingDirection Direction => BindingDirection.In;
    }
}
