using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Edge.Blobs;
using Skylight.Edge.Hosting.Health;
using Skylight.Edge.Hosting.Logging;
using Skylight.Edge.Hosting.Telemetry;
using Skylight.Edge.Runtime.Durable;
using Skylight.Edge.Runtime.Triggers;
using Skylight.Edge.Runtime.Triggers.Background;
using Skylight.Edge.Runtime.Triggers.Http;
using Skylight.Edge.Runtime.Triggers.Timers;
using Skylight.Edge.Setup;
using Skylight.Functions;
using Skylight.Local;

namespace Skylight.Edge.Hosting;

/// <summary>Everything that the edge host is made of.</summary>
internal static class EdgeComposition
{
    public static void AddEdge(WebApplicationBuilder builder, EdgeSetup setup)
    {
        var services = builder.Services;
        services.AddSingleton(setup);
        services.AddSkylight(builder.Configuration);
        EdgeStores.Add(builder, setup.DataFolder);
        AddOptions(services, builder.Configuration);
        AddListener(builder);
        EdgeLogging.Add(builder, setup);
        AddTriggers(services, setup);
        if (setup.Dev) services.AddHostedService<DevAccounts>();
    }

    private static void AddOptions(IServiceCollection services, ConfigurationManager configuration)
    {
        services.AddOptions<EdgeOptions>().Bind(configuration.GetSection(EdgeOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<EdgeOptions>, EdgeOptionsRanges>();
        services.AddSingleton<IValidateOptions<EdgeOptions>, EdgeOptionsRules>();
        services.AddOptions<HostOptions>().Configure<IOptions<EdgeOptions>>(static (host, edge) =>
        {
            // A little more than the drain time: what is cancelled then still has to leave.
            host.ShutdownTimeout = TimeSpan.FromSeconds(edge.Value.DrainSeconds + 5);
            host.ServicesStartConcurrently = false;
            host.ServicesStopConcurrently = true;
        });
        services.Configure<ConsoleLifetimeOptions>(static o => o.SuppressStatusMessages = true);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<Drain>();
        services.AddSingleton<TriggerGate>();
        services.AddMetrics();
        services.AddSingleton<EdgeTelemetry>();
        services.AddOptions<TelemetryOptions>().Bind(configuration.GetSection(TelemetryOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsRanges>();
        services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsRules>();
        services.AddHostedService<TelemetryExport>();
        services.AddSingleton<Metrics.MetricsRegistry>();
        services.AddHealthChecks().AddCheck<DataFolderCheck>("data-folder").AddCheck<RecordsCheck>("records").AddCheck<QueuesCheck>("queues").AddCheck<KeysCheck>("keys");
    }

    private static void AddListener(WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, RequestMemory>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<EdgeOptions>>(static (kestrel, options) =>
        {
            var edge = options.Value;
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = edge.MaxConnections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = edge.MaxConnections;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            // Enough for the next segments to be decrypted while those before them are being sent.
            kestrel.Limits.MaxResponseBufferSize = 512 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
            // Slow senders and slow readers lose their connection: 240 bytes a second after 10 seconds of grace.
            kestrel.Limits.MinRequestBodyDataRate = new(240, TimeSpan.FromSeconds(10));
            kestrel.Limits.MinResponseDataRate = new(240, TimeSpan.FromSeconds(10));
            kestrel.Listen(IPAddress.Parse(edge.Address), edge.Port, listen =>
            {
                if (Certificates.Load(edge) is { } certificate) listen.UseHttps(certificate);
            });
        });
        builder.Services.AddRouting();
        builder.Services.AddCors();
        builder.Services.AddMvcCore();
    }

    private static void AddTriggers(IServiceCollection services, EdgeSetup setup)
    {
        var worker = new EdgeWorkerBuilder(services);
        worker.UseSkylight();
        services.AddSingleton(worker.Build());
        var product = typeof(Composition).Assembly;
        var catalog = FunctionCatalog.Discover([.. product.GetExportedTypes(), .. setup.MoreFunctions]);
        services.AddSingleton(catalog);
        services.AddDurableEngine(
            setup.DataFolder,
            [product, .. catalog.Of<OrchestrationTriggerAttribute>().Concat(catalog.Of<ActivityTriggerAttribute>()).Select(f => f.Method.DeclaringType!.Assembly)]);
        services.AddSingleton(HostSettings.Read(Path.Combine(AppContext.BaseDirectory, "host.json")));
        services.AddSingleton<HttpGate>();
        services.AddSingleton<HttpFunctions>();
        services.AddSingleton<FunctionRunner>();
        services.AddSingleton<IFunctionInvocationPipeline>(static provider => provider.GetRequiredService<FunctionRunner>());
        services.AddHostedService<BackgroundTriggers>();
        services.AddHostedService<TimerTriggers>();
    }
}
