using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Skylight.Edge.Hosting.Telemetry;

/// <summary>The host's own instruments. Labels are names from the code (routes, functions), never values from requests.</summary>
public sealed class EdgeTelemetry
{
    public const string Name = "Skylight.Edge";

    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    public EdgeTelemetry(IMeterFactory meters)
    {
        Meter = meters.Create(Name);
        var advice = new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds };
        Requests = Meter.CreateHistogram("skylight.http.request.duration", "s", "Time from a request's headers to the end of its answer.", tags: null, advice);
        RequestsInFlight = Meter.CreateUpDownCounter<long>("skylight.http.requests.in_flight", null, "Requests that are being answered.");
        Invocations = Meter.CreateHistogram("skylight.function.duration", "s", "Time of one run of a function that no request waits for.", tags: null, advice);
    }

    public static ActivitySource Source { get; } = new(Name);

    public Meter Meter { get; }

    public Histogram<double> Requests { get; }

    public UpDownCounter<long> RequestsInFlight { get; }

    /// <summary>Labels: function, trigger, outcome (done, failed, cancelled).</summary>
    public Histogram<double> Invocations { get; }
}
