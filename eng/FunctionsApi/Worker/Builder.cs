using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker.Builder
{
    public class FunctionsApplication
    {
        public static FunctionsApplicationBuilder CreateBuilder(string[] args) => throw Worker.Declared.Only();
    }

    public class FunctionsApplicationBuilder
    {
        internal FunctionsApplicationBuilder() { }
        public IHost Build() => throw Worker.Declared.Only();
        public ConfigurationManager Configuration => throw Worker.Declared.Only();
        public IHostEnvironment Environment => throw Worker.Declared.Only();
        public ILoggingBuilder Logging => throw Worker.Declared.Only();
        public IMetricsBuilder Metrics => throw Worker.Declared.Only();
        public IServiceCollection Services => throw Worker.Declared.Only();
    }

    public static class FunctionsApplicationBuilderAspNetCoreExtensions
    {
        public static FunctionsApplicationBuilder ConfigureFunctionsWebApplication(this FunctionsApplicationBuilder builder) => throw Worker.Declared.Only();
    }
}

namespace Microsoft.Azure.Functions.Worker
{
    internal static class Declared
    {
        public static NotSupportedException Only() => new("This build has declarations of the Functions API only; build with -p:AzurePackages=true to host in Azure, or start the edge host.");
    }
}
