using Microsoft.DurableTask.Client;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>What other instances get from a turn, and what an instance carries over, once it is stored.</summary>
internal sealed class TurnEffects
{
    public List<(long Instance, Message Message)> Deliveries { get; } = [];
}

/// <summary>How an instance stands after a turn.</summary>
internal sealed record TurnEnd(RunState State, string? Output, string? Failure, string? NextInput, bool TerminateChildren);

/// <summary>Loading an instance and storing its turns.</summary>
internal sealed partial class Store
{
    private const string InsertInbox = "INSERT INTO inbox(instance, kind, execution, task, name, data) VALUES($1,$2,$3,$4,$5,$6) RETURNING sequence";

    /// <summary>The instance as stored, or null when there is none.</summary>
    public InstanceHead? LoadHead(long key) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT i.id, i.name, i.execution, i.turn, i.events, i.status, p.input, i.custom, i.parent, i.parent_execution, i.parent_task, i.parent_id, i.parent_name
            FROM instances i LEFT JOIN payloads p ON p.instance = i.key WHERE i.key = $key
            """;
        command.Parameters.AddWithValue("$key", key);
        using var row = command.ExecuteReader();
        if (!row.Read()) return null;
        var parent = row.Number(8) is { } parentKey ? new ParentLink(parentKey, row.GetInt32(9), row.GetInt64(10), row.GetString(11), row.GetString(12)) : null;
        return new InstanceHead(
            key, row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetInt64(3), row.GetInt64(4), (OrchestrationRuntimeStatus)row.GetInt32(5), row.Text(6), row.Text(7), parent);
    });

    /// <summary>The first <paramref name="count"/> steps of an instance.</summary>
    public List<HistoryEvent> LoadHistory(long key, long count) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT kind, task, time, name, data FROM history WHERE instance = $key AND sequence < $count ORDER BY sequence";
        command.Parameters.AddWithValue("$key", key);
        command.Parameters.AddWithValue("$count", count);
        using var row = command.ExecuteReader();
        var steps = new List<HistoryEvent>((int)Math.Min(count, int.MaxValue));
        while (row.Read()) steps.Add(new HistoryEvent((HistoryKind)row.GetInt32(0), row.GetInt64(1), row.Time(2), row.Text(3), row.Text(4)));
        return steps;
    });

    /// <summary>Stores a turn of <paramref name="head"/> as a whole, if no other turn of the instance was stored since it was loaded.</summary>
    /// <exception cref="InstanceGoneException">One was, or the instance is gone: nothing is stored.</exception>
    public Task<TurnEffects> CommitAsync(InstanceHead head, Turn turn, TurnEnd end, DateTime now) =>
        WriteAsync(
            store =>
            {
                var effects = new TurnEffects();
                var over = end.State is RunState.Completed or RunState.Failed or RunState.Terminated;
                var anew = end.State == RunState.ContinuedAsNew;
                var updated = store.Run(
                    "UPDATE instances SET turn = turn + 1, execution = $3, events = $4, status = $5, updated = $6, completed = $7, custom = $8 WHERE key = $1 AND turn = $2",
                    head.Key, head.Turn, anew ? head.Execution + 1 : head.Execution, anew ? 0 : head.Events + turn.Events.Count, StatusOf(end.State), now.Ticks, over ? now.Ticks : null,
                    turn.CustomStatus);
                if (updated == 0) throw new InstanceGoneException();
                if (end is { State: RunState.Terminated, TerminateChildren: true }) TerminateChildren(store, head, effects);
                if (anew)
                {
                    Restart(store, head, turn, end, effects);
                }
                else
                {
                    Append(store, head, turn);
                    foreach (var sequence in turn.Taken) store.Run("DELETE FROM inbox WHERE sequence = $1", sequence);
                }

                // A new execution has a clean slate, but what it was told to start and send before is still done.
                foreach (var sent in turn.Sent) Deliver(store, effects, sent);
                if (over) Finish(store, head, end, effects);
                if (!over && !anew) OpenWork(store, head, turn, now, effects);
                else foreach (var child in turn.Opened.Where(item => item.Kind == WorkKind.Child)) CreateChild(store, head, child, now, effects);
                return effects;
            },
            CancellationToken.None);

    /// <summary>Forgets messages that nothing will take in any more.</summary>
    public Task<int> DropAsync(IReadOnlyList<long> inbox) =>
        WriteAsync(store => inbox.Sum(sequence => store.Run("DELETE FROM inbox WHERE sequence = $1", sequence)), CancellationToken.None);

    private static int StatusOf(RunState state) => state switch
    {
        RunState.Pending => Pending,
        RunState.Suspended => Suspended,
        RunState.Completed => (int)OrchestrationRuntimeStatus.Completed,
        RunState.Failed => (int)OrchestrationRuntimeStatus.Failed,
        RunState.Terminated => (int)OrchestrationRuntimeStatus.Terminated,
        _ => Running,
    };

    private static void Append(Statements store, InstanceHead head, Turn turn)
    {
        var sequence = head.Events;
        foreach (var step in turn.Events)
        {
            store.Run(
                "INSERT INTO history(instance, sequence, kind, task, time, name, data) VALUES($1,$2,$3,$4,$5,$6,$7)",
                head.Key, sequence++, (int)step.Kind, step.Task, step.Time.Ticks, step.Name, step.Data);
        }

        // The second guard against a result applied twice: its work must still be open, and is closed here.
        foreach (var task in turn.Closed)
        {
            if (store.Run("DELETE FROM work WHERE instance = $1 AND task = $2", head.Key, task) != 1 && task != WorkItem.StartTask) throw new InstanceGoneException();
        }
    }

    private static void OpenWork(Statements store, InstanceHead head, Turn turn, DateTime now, TurnEffects effects)
    {
        foreach (var item in turn.Opened)
        {
            store.Run(
                "INSERT INTO work(instance, task, kind, execution, name, due, input) VALUES($1,$2,$3,$4,$5,$6,$7)",
                head.Key, item.Task, (int)item.Kind, head.Execution, item.Name, item.Kind == WorkKind.Timer ? item.Due.Ticks : null, item.Kind == WorkKind.Activity ? item.Input : null);
            if (item.Kind == WorkKind.Child) CreateChild(store, head, item, now, effects);
        }
    }

    private static void CreateChild(Statements store, InstanceHead head, in WorkItem item, DateTime now, TurnEffects effects)
    {
        var parent = new ParentLink(head.Key, head.Execution, item.Task, head.Id, head.Name);
        if (Existing(store, item.Child!) is { } existing)
        {
            if (existing.Status is Running or Pending or Suspended)
            {
                var failure = Failures.Write(Failures.From(new InvalidOperationException($"An orchestration with the id '{item.Child}' is running already.")));
                Tell(store, effects, head.Key, new Message(HistoryKind.ChildFailed, head.Execution, item.Task, null, failure));
                return;
            }

            Delete(store, existing.Key);
        }

        var key = Insert(store, item.Child!, item.Name!, item.Input, null, now, parent);
        Tell(store, effects, key, new Message(HistoryKind.Started));
    }

    private static void Deliver(Statements store, TurnEffects effects, in SentEvent sent)
    {
        // An event for an instance that does not run is dropped, as in the cloud.
        if (Existing(store, sent.InstanceId) is { Status: Running or Pending or Suspended } target)
            Tell(store, effects, target.Key, new Message(HistoryKind.EventRaised, 0, 0, sent.Name, sent.Data));
    }

    private static void Restart(Statements store, InstanceHead head, Turn turn, TurnEnd end, TurnEffects effects)
    {
        store.Run("DELETE FROM history WHERE instance = $1", head.Key);
        store.Run("DELETE FROM work WHERE instance = $1", head.Key);
        store.Run("INSERT INTO payloads(instance, input) VALUES($1,$2) ON CONFLICT DO UPDATE SET input = $2, output = NULL, failure = NULL", head.Key, end.NextInput);
        foreach (var sequence in turn.Taken) store.Run("DELETE FROM inbox WHERE sequence = $1", sequence);
        Tell(store, effects, head.Key, new Message(HistoryKind.Started));
        foreach (var carried in turn.Carried)
        {
            // Under their old numbers, so that they stay ahead of what has come since.
            store.Run(
                "INSERT INTO inbox(sequence, instance, kind, execution, task, name, data) VALUES($1,$2,$3,0,0,$4,$5)",
                carried.Task, head.Key, (int)carried.Kind, carried.Name, carried.Data);
            effects.Deliveries.Add((head.Key, new Message(carried.Kind, 0, 0, carried.Name, carried.Data, carried.Task)));
        }
    }

    private static void Finish(Statements store, InstanceHead head, TurnEnd end, TurnEffects effects)
    {
        store.Run("DELETE FROM work WHERE instance = $1", head.Key);
        store.Run("DELETE FROM inbox WHERE instance = $1", head.Key);
        if (end.Output is not null || end.Failure is not null)
            store.Run("INSERT INTO payloads(instance, output, failure) VALUES($1,$2,$3) ON CONFLICT DO UPDATE SET output = $2, failure = $3", head.Key, end.Output, end.Failure);
        if (head.Parent is not { } parent) return;
        var waits = store.Scalar("SELECT 1 FROM work WHERE instance = $1 AND task = $2 AND execution = $3 AND kind = 3", parent.Key, parent.Task, parent.Execution) is not null;
        if (!waits) return;
        var completed = end.State == RunState.Completed;
        var data = completed ? end.Output : end.Failure ?? Failures.Write(Failures.Terminated(head.Name));
        Tell(store, effects, parent.Key, new Message(completed ? HistoryKind.ChildCompleted : HistoryKind.ChildFailed, parent.Execution, parent.Task, null, data));
    }

    private static void TerminateChildren(Statements store, InstanceHead head, TurnEffects effects)
    {
        foreach (var child in store.Rows($"SELECT key FROM instances WHERE parent = $1 AND status IN {OpenStatuses}", row => row.GetInt64(0), head.Key))
            Tell(store, effects, child, new Message(HistoryKind.Terminated, 0, 0, Recursive, null));
    }

    /// <summary>Puts a message into an instance's inbox, to be delivered once it is stored.</summary>
    private static void Tell(Statements store, TurnEffects effects, long instance, in Message message) => effects.Deliveries.Add((instance, Tell(store, instance, message)));

    private static Message Tell(Statements store, long instance, in Message message)
    {
        var sequence = (long)store.Scalar(InsertInbox, instance, (int)message.Kind, message.Execution, message.Task, message.Name, message.Data)!;
        return message with { Inbox = sequence };
    }
}
