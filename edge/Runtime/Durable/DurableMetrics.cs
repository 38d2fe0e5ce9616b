using System.Diagnostics.Metrics;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>The engine's figures, on the meter <c>Skylight.Durable</c>. Function names are the only tags that grow with the product.</summary>
internal sealed class DurableMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly bool _own;
    private readonly Counter<long> _activities;
    private readonly Counter<long> _orchestrations;
    private readonly Counter<long> _turns;
    private readonly Counter<long> _events;

    public DurableMetrics(IMeterFactory? meters, Func<Activities> activities, Func<Orchestrations> orchestrations)
    {
        // A meter of a factory belongs to it.
        _own = meters is null;
        _meter = meters?.Create("Skylight.Durable") ?? new Meter("Skylight.Durable");
        _activities = _meter.CreateCounter<long>("skylight.durable.activities", null, "Activity runs.");
        _orchestrations = _meter.CreateCounter<long>("skylight.durable.orchestrations", null, "Orchestrations that have ended.");
        _turns = _meter.CreateCounter<long>("skylight.durable.turns", null, "Turns of orchestrations that were stored.");
        _events = _meter.CreateCounter<long>("skylight.durable.history_events", null, "Steps added to histories.");
        _meter.CreateObservableGauge("skylight.durable.activities_running", () => activities().Running, null, "Activities that run.");
        _meter.CreateObservableGauge("skylight.durable.activities_waiting", () => activities().Waiting, null, "Activities that wait for their turn.");
        _meter.CreateObservableGauge("skylight.durable.instances_cached", () => orchestrations().Cached, null, "Orchestrations in memory.");
        _meter.CreateObservableCounter("skylight.durable.replays", () => orchestrations().Replays, null, "Histories replayed.");
    }

    public void ActivityRun(string name, string outcome) => _activities.Add(1, new("function", name), new("outcome", outcome));

    public void OrchestrationEnded(string name, RunState state) =>
        _orchestrations.Add(1, new("function", name), new("outcome", state switch { RunState.Completed => "completed", RunState.Failed => "failed", _ => "terminated" }));

    public void TurnStored(int events)
    {
        _turns.Add(1);
        _events.Add(events);
    }

    public void Dispose()
    {
        if (_own) _meter.Dispose();
    }
}
