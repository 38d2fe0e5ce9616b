using System.Collections;
using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;

namespace Microsoft.Azure.Functions.Worker
{
    public abstract class FunctionContext
    {
        public abstract string InvocationId { get; }
        public abstract string FunctionId { get; }
        public abstract TraceContext TraceContext { get; }
        public abstract BindingContext BindingContext { get; }
        public abstract RetryContext RetryContext { get; }
        public abstract IServiceProvider InstanceServices { get; set; }
        public abstract FunctionDefinition FunctionDefinition { get; }
        public abstract IDictionary<object, object> Items { get; set; }
        public abstract IInvocationFeatures Features { get; }
        public virtual CancellationToken CancellationToken { get; }
    }

    public static class FunctionContextExtensions
    {
        // As the genuine package: the ASP.NET Core integration puts the request under this key.
        public static HttpContext? GetHttpContext(this FunctionContext context) =>
            context.Items.TryGetValue("HttpRequestContext", out var value) ? value as HttpContext : null;
    }

    public abstract class FunctionDefinition
    {
        public abstract ImmutableArray<FunctionParameter> Parameters { get; }
        public abstract string PathToAssembly { get; }
        public abstract string EntryPoint { get; }
        public abstract string Id { get; }
        public abstract string Name { get; }
        public abstract IImmutableDictionary<string, BindingMetadata> InputBindings { get; }
        public abstract IImmutableDictionary<string, BindingMetadata> OutputBindings { get; }
    }

    public class FunctionParameter
    {
        public FunctionParameter(string name, Type type) => (Name, Type) = (name, type);
        public string Name { get; }
        public Type Type { get; }
    }

    public abstract class BindingMetadata
    {
        public abstract string Name { get; }
        public abstract string Type { get; }
        public abstract BindingDirection Direction { get; }
    }

    public enum BindingDirection
    {
        In = 0,
        Out = 1,
    }

    public abstract class BindingContext
    {
        public abstract IReadOnlyDictionary<string, object?> BindingData { get; }
    }

    public abstract class TraceContext
    {
        public abstract string TraceParent { get; }
        public abstract string TraceState { get; }
    }

    public abstract class RetryContext
    {
        public abstract int RetryCount { get; }
        public abstract int MaxRetryCount { get; }
    }

    public interface IInvocationFeatures : IEnumerable<KeyValuePair<Type, object>>, IEnumerable
    {
        void Set<T>(T instance);
        T? Get<T>();
    }
}

namespace Microsoft.Azure.Functions.Worker.Middleware
{
    public delegate Task FunctionExecutionDelegate(FunctionContext context);

    public interface IFunctionsWorkerMiddleware
    {
        Task Invoke(FunctionContext context, FunctionExecutionDelegate next);
    }
}
