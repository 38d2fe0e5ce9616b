using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using OpenTelemetry.Exporter;

namespace Skylight.Edge.Hosting.Telemetry;

/// <summary>Where traces and metrics are sent. Section <c>Skylight:Telemetry</c>; nothing is sent unless an endpoint is set.</summary>
public sealed class TelemetryOptions
{
    public const string Section = "Skylight:Telemetry";

    /// <summary>Base URL of an OTLP collector, such as http://collector:4318. Default: none; the standard variable OTEL_EXPORTER_OTLP_ENDPOINT works as well.</summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary>HttpProtobuf (default, port 4318) or Grpc (port 4317).</summary>
    public OtlpExportProtocol OtlpProtocol { get; set; } = OtlpExportProtocol.HttpProtobuf;

    /// <summary>File with headers for the collector, one <c>name=value</c> a line (an access token, for example); mode 0600.</summary>
    public string? OtlpHeadersFile { get; set; }

    /// <summary>Share of the traces begun here that is sent, 0–1. Default 1. Traces that a caller has begun follow the caller's choice.</summary>
    [Range(0.0, 1.0)]
    public double TraceSampleRatio { get; set; } = 1;

    /// <summary>Seconds between two sendings of metrics, 1–3600. Default 60.</summary>
    [Range(1, 3600)]
    public int MetricsIntervalSeconds { get; set; } = 60;
}

[OptionsValidator]
internal sealed partial class TelemetryOptionsRanges : IValidateOptions<TelemetryOptions>;

internal sealed class TelemetryOptionsRules : IValidateOptions<TelemetryOptions>
{
    public ValidateOptionsResult Validate(string? name, TelemetryOptions options)
    {
        if (options.OtlpEndpoint is { } url && (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https")))
            return ValidateOptionsResult.Fail($"{TelemetryOptions.Section}:OtlpEndpoint must be an http or https URL.");
        return options.OtlpHeadersFile is { } file && !File.Exists(file)
            ? ValidateOptionsResult.Fail($"{TelemetryOptions.Section}:OtlpHeadersFile names a file that cannot be read: {file}.")
            : ValidateOptionsResult.Success;
    }
}
