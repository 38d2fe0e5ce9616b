using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>A world around one run, without an engine: completes work in an order that comes from the seed, with events and pauses in between, and keeps all turns.</summary>
internal sealed class Simulation
{
    private readonly Random _random;
    private readonly List<WorkItem> _open = [];
    private readonly Dictionary<string, int> _attempts = [];
    private DateTime _now = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private long _inbox;

    public Simulation(int seed)
    {
        Seed = seed;
        _random = new Random(seed ^ 0x5eed);
        Run = NewRun();
    }

    public int Seed { get; }

    public OrchestrationRun Run { get; }

    /// <summary>Each turn: when, what came in, and what came of it.</summary>
    public List<(DateTime Now, List<Message> Messages, Turn Turn)> Turns { get; } = [];

    public OrchestrationRun NewRun()
    {
        var head = new InstanceHead(1, "instance", "random", 1, 0, 0, OrchestrationRuntimeStatus.Running, null, null, null);
        return new OrchestrationRun(head, (context, _) => new RandomFlow(Seed).RunAsync(context), new RunSettings(JsonDataConverter.Default, NullLoggerFactory.Instance, 1 << 20, 1 << 14), () => { });
    }

    public void Play()
    {
        Take([new Message(HistoryKind.Started)]);
        for (var turn = 0; !Run.IsOver && turn < 500; turn++) Take([.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Next()).OfType<Message>()]);
    }

    private void Take(List<Message> messages)
    {
        foreach (var message in messages) Run.Apply(message, _now);
        Run.CheckStuck();
        var turn = Run.TakeTurn();
        Turns.Add((_now, messages, turn));
        _open.AddRange(turn.Opened);
        _open.RemoveAll(item => turn.Closed.Contains(item.Task));
        _now += TimeSpan.FromSeconds(_random.Next(0, 90));
    }

    private Message? Next()
    {
        switch (_random.Next(8))
        {
            case 0: return new Message(HistoryKind.EventRaised, 0, 0, _random.Next(2) == 0 ? "red" : "Blue", $"\"e{_inbox}\"", ++_inbox);
            case 1: return _random.Next(3) == 0 ? new Message(HistoryKind.Suspended) : new Message(HistoryKind.Resumed);
            case 2: return _open.Count == 0 ? null : Complete(_open[_random.Next(_open.Count)]); // Perhaps twice: the second one is void.
            default:
                if (_open.Count == 0) return null;
                var item = _open[_random.Next(_open.Count)];
                _open.Remove(item);
                return Complete(item);
        }
    }

    private Message Complete(WorkItem item)
    {
        switch (item.Kind)
        {
            case WorkKind.Timer:
                if (item.Due > _now) _now = item.Due;
                return new Message(HistoryKind.TimerFired, 1, item.Task);
            case WorkKind.Child:
                return new Message(HistoryKind.ChildCompleted, 1, item.Task, null, $"\"{item.Child}\"");
        }

        var attempt = _attempts[item.Input!] = _attempts.GetValueOrDefault(item.Input!) + 1;
        return item.Name == "flaky" && attempt < 3
            ? new Message(HistoryKind.ActivityFailed, 1, item.Task, null, Failures.Write(Failures.From(new InvalidOperationException($"attempt {attempt}"))))
            : new Message(HistoryKind.ActivityCompleted, 1, item.Task, null, $"\"result {item.Task} {attempt}\"");
    }
}
