using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker
{
    public interface IFunctionsWorkerApplicationBuilder
    {
        IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware);
        IServiceCollection Services { get; }
    }

    internal static class Declared
    {
        public static NotSupportedException Only() => new("This build has declarations of the Functions API only; build with -p:AzurePackages=true to host in Azure, or start the edge host.");
    }
}

namespace Microsoft.Azure.Functions.Worker.Builder
{
    public class FunctionsApplication
    {
        public static FunctionsApplicationBuilder CreateBuilder(string[] args) => throw Declared.Only();
    }

    public class FunctionsApplicationBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
    {
        internal FunctionsApplicationBuilder() { }
        public IHost Build() => throw Declared.Only();
        public void ConfigureContainer<TContainerBuilder>(IServiceProviderFactory<TContainerBuilder> factory, Action<TContainerBuilder>? configure = null) where TContainerBuilder : notnull => throw Declared.Only();
        public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware) => throw Declared.Only();
        public IDictionary<object, object> Properties => throw Declared.Only();
        public ConfigurationManager Configuration => throw Declared.Only();
        public IHostEnvironment Environment => throw Declared.Only();
        public ILoggingBuilder Logging => throw Declared.Only();
        public IMetricsBuilder Metrics => throw Declared.Only();
        public IServiceCollection Services => throw Declared.Only();
        IConfigurationManager IHostApplicationBuilder.Configuration => throw Declared.Only();
    }

    public static class FunctionsApplicationBuilderAspNetCoreExtensions
    {
        public static FunctionsApplicationBuilder ConfigureFunctionsWebApplication(this FunctionsApplicationBuilder builder) => throw Declared.Only();
    }
}

namespace Microsoft.Extensions.Hosting
{
    // These two follow the genuine bodies, so that the same registration runs on the edge: they only call the interface.
    public static class MiddlewareWorkerApplicationBuilderExtensions
    {
        public static Azure.Functions.Worker.IFunctionsWorkerApplicationBuilder UseMiddleware<T>(this Azure.Functions.Worker.IFunctionsWorkerApplicationBuilder builder) where T : class, IFunctionsWorkerMiddleware
        {
            builder.Services.AddSingleton<T>();
            return builder.Use(next => context => context.InstanceServices.GetRequiredService<T>().Invoke(context, next));
        }
    }
}
