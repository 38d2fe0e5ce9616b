using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Skylight.Edge.Hosting.Telemetry;

/// <summary>
/// Sends the product's own traces and metrics to an OTLP collector. Only sources named <c>Skylight.*</c> are sent (and the runtime's metrics):
/// the framework's would carry paths and queries.
/// </summary>
internal sealed class TelemetryExport(IOptions<TelemetryOptions> options) : IHostedService, IDisposable
{
    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var settings = options.Value;
        var fromEnvironment = Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT");
        var endpoint = settings.OtlpEndpoint ?? (Uri.TryCreate(fromEnvironment, UriKind.Absolute, out var url) ? url : null);
        if (endpoint is null) return Task.CompletedTask;
        var headers = settings.OtlpHeadersFile is { } file ? string.Join(',', File.ReadLines(file).Where(l => l.Contains('=', StringComparison.Ordinal))) : null;
        var resource = ResourceBuilder.CreateEmpty().AddService("skylight-edge", serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString(3));
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource("Skylight.*")
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(settings.TraceSampleRatio)))
            .AddOtlpExporter(o => Configure(o, settings, endpoint, "v1/traces", headers))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Skylight.*", "System.Runtime")
            .AddOtlpExporter((o, reader) =>
            {
                Configure(o, settings, endpoint, "v1/metrics", headers);
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = settings.MetricsIntervalSeconds * 1000;
            })
            .Build();
        return Task.CompletedTask;
    }

    /// <summary>Nothing yet: what drains is still being traced. The rest is sent at the very end, by <see cref="Dispose"/>.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is left, for at most a few seconds: a collector that is down must not hold up the stop.</summary>
    public void Dispose()
    {
        _traces?.Shutdown(3000);
        _metrics?.Shutdown(3000);
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static void Configure(OtlpExporterOptions exporter, TelemetryOptions settings, Uri endpoint, string path, string? headers)
    {
        exporter.Protocol = settings.OtlpProtocol;
        exporter.Endpoint = settings.OtlpProtocol == OtlpExportProtocol.HttpProtobuf ? new Uri(endpoint.AbsoluteUri.TrimEnd('/') + "/" + path) : endpoint;
        if (headers is not null) exporter.Headers = headers;
    }
}
