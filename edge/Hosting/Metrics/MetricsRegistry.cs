using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Skylight.Edge.Hosting.Metrics;

/// <summary>
/// Keeps the current value of every instrument of the product, of Kestrel and of the runtime, and renders them as Prometheus text. Instruments
/// come from <c>System.Diagnostics.Metrics</c>, so nothing in the product knows who reads them.
/// </summary>
public sealed class MetricsRegistry : IDisposable
{
    private const int MaxSeries = 1000;
    private static readonly string[] Meters = ["Skylight", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel"];
    private readonly ConcurrentDictionary<Instrument, Family> _families = new();
    private readonly MeterListener _listener = new();
    private readonly IMeterFactory _scope;
    private readonly ILogger _logger;
    private readonly Lock _rendering = new();

    /// <param name="scope">Instruments that another host in this process made are left out.</param>
    public MetricsRegistry(IMeterFactory scope, ILogger<MetricsRegistry> logger)
    {
        _scope = scope;
        _logger = logger;
        _listener.InstrumentPublished = Publish;
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => Add(state, value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => Add(state, (double)value, tags));
        _listener.Start();
    }

    public string Render()
    {
        lock (_rendering) return RenderAll();
    }

    public void Dispose() => _listener.Dispose();

    private string RenderAll()
    {
        // What an observable instrument no longer tells (a queue that is gone) must not stay at its last value.
        foreach (var family in _families.Values) family.BeginObservation();
        try
        {
            _listener.RecordObservableInstruments();
        }
        catch (AggregateException errors)
        {
            // The listener has asked every instrument before it throws: those that answered are shown, the others are missing.
            Log.InstrumentsFailed(_logger, errors.InnerExceptions.Count, errors);
        }

        var text = new StringBuilder(8192);
        // Instruments of one name (two meters, or the same one made again) are one family: Prometheus refuses a repeated TYPE line.
        foreach (var group in _families.Values.GroupBy(f => f.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var head = group.First();
            text.Append("# HELP ").Append(head.Name).Append(' ').Append(head.Help).Append('\n');
            text.Append("# TYPE ").Append(head.Name).Append(' ').Append(head.Type).Append('\n');
            foreach (var family in group) family.Render(text);
        }

        return text.ToString();
    }

    private static void Add(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => ((Family)state!).Add(value, tags);

    private void Publish(Instrument instrument, MeterListener listener)
    {
        if (!Meters.Any(m => instrument.Meter.Name == m || instrument.Meter.Name.StartsWith(m + ".", StringComparison.Ordinal))) return;
        if (instrument.Meter.Scope is not null && !ReferenceEquals(instrument.Meter.Scope, _scope)) return;
        listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, static i => new Family(i)));
    }

    private sealed class Family
    {
        private static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
        private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
        private readonly double[]? _bounds;
        private readonly bool _absolute;
        private readonly bool _observable;

        public Family(Instrument instrument)
        {
            var kind = instrument.GetType().GetGenericTypeDefinition();
            var counter = kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>);
            var histogram = kind == typeof(Histogram<>);
            _observable = instrument.IsObservable;
            _absolute = _observable || kind == typeof(Gauge<>);
            if (histogram) _bounds = (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries?.ToArray() ?? DefaultBounds;
            Type = histogram ? "histogram" : counter ? "counter" : "gauge";
            Name = NameOf(instrument) + (counter ? "_total" : "");
            Help = (instrument.Description ?? instrument.Name).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        }

        public string Name { get; }

        public string Help { get; }

        public string Type { get; }

        public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var labels = Labels(tags);
            if (!_series.TryGetValue(labels, out var series))
            {
                // A label that takes ever new values would eat the memory: from here on its values are one series.
                if (_series.Count >= MaxSeries) labels = "overflow=\"true\"";
                series = _series.GetOrAdd(labels, static (_, bounds) => new Series(bounds is null ? null : new long[bounds.Length + 1]), _bounds);
            }

            lock (series)
            {
                series.Sum = _absolute ? value : series.Sum + value;
                series.Count++;
                if (series.Buckets is not { } buckets) return;
                var at = Array.BinarySearch(_bounds!, value);
                buckets[at < 0 ? ~at : at]++;
            }
        }

        public void BeginObservation()
        {
            if (_observable) _series.Clear();
        }

        public void Render(StringBuilder text)
        {
            foreach (var (labels, series) in _series.OrderBy(s => s.Key, StringComparer.Ordinal))
            {
                lock (series)
                {
                    if (series.Buckets is not { } buckets)
                    {
                        Line(text, Name, labels, null, series.Sum);
                        continue;
                    }

                    var total = 0L;
                    for (var i = 0; i < buckets.Length; i++)
                    {
                        total += buckets[i];
                        Line(text, Name + "_bucket", labels, i < _bounds!.Length ? Number(_bounds[i]) : "+Inf", total);
                    }

                    Line(text, Name + "_sum", labels, null, series.Sum);
                    Line(text, Name + "_count", labels, null, total);
                }
            }
        }

        private static void Line(StringBuilder text, string name, string labels, string? le, double value)
        {
            text.Append(name);
            if (labels.Length > 0 || le is not null)
            {
                text.Append('{').Append(labels);
                if (le is not null) text.Append(labels.Length > 0 ? "," : "").Append("le=\"").Append(le).Append('"');
                text.Append('}');
            }

            text.Append(' ').Append(Number(value)).Append('\n');
        }

        private static string Number(double value) =>
            double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

        /// <summary>Prometheus' conventions: base unit as a suffix, everything but letters, digits and _ replaced.</summary>
        private static string NameOf(Instrument instrument)
        {
            var unit = instrument.Unit switch
            {
                "s" => "_seconds",
                "By" => "_bytes",
                "ms" => "_milliseconds",
                _ => "",
            };
            var name = new string([.. instrument.Name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')]);
            return name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit;
        }

        private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.IsEmpty) return "";
            var text = new StringBuilder(64);
            foreach (var (name, value) in tags)
            {
                if (text.Length > 0) text.Append(',');
                foreach (var c in name) text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
                text.Append("=\"");
                foreach (var c in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                {
                    if (c is '\\' or '"') text.Append('\\').Append(c);
                    else if (c == '\n') text.Append("\\n");
                    else text.Append(c);
                }

                text.Append('"');
            }

            return text.ToString();
        }
    }

    private sealed class Series(long[]? buckets)
    {
        public double Sum;
        public long Count;

        public long[]? Buckets { get; } = buckets;
    }
}
