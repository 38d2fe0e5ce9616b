using Microsoft.DurableTask.Client;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>An activity to run. Large inputs are read when it is its turn, so that a long queue stays small.</summary>
internal readonly record struct ActivityItem(long Instance, string InstanceId, int Execution, long Task, string Name, string? Input, bool IsInputStored);

/// <summary>A timer, or a later start, to fire.</summary>
internal readonly record struct TimerItem(long Instance, int Execution, long Task);

/// <summary>Taking up work after a start, near timers, and purging.</summary>
internal sealed partial class Store
{
    /// <summary>Inputs up to this length wait in memory with their activity.</summary>
    public const int MaxQueuedInput = 2048;

    private const int PurgeBatch = 200;

    public List<ActivityItem> OpenActivities() => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT w.instance, i.id, w.execution, w.task, w.name, CASE WHEN length(w.input) <= {MaxQueuedInput} THEN w.input END, w.input IS NOT NULL AND length(w.input) > {MaxQueuedInput}
            FROM work w JOIN instances i ON i.key = w.instance WHERE w.kind = 1 ORDER BY w.instance, w.task
            """;
        using var row = command.ExecuteReader();
        var items = new List<ActivityItem>();
        while (row.Read()) items.Add(new ActivityItem(row.GetInt64(0), row.GetString(1), row.GetInt32(2), row.GetInt64(3), row.GetString(4), row.Text(5), row.GetBoolean(6)));
        return items;
    });

    public string? ActivityInput(in ActivityItem item)
    {
        var (instance, task) = (item.Instance, item.Task);
        return _database.Read(connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT input FROM work WHERE instance = $instance AND task = $task";
            command.Parameters.AddWithValue("$instance", instance);
            command.Parameters.AddWithValue("$task", task);
            return command.ExecuteScalar() as string;
        });
    }

    /// <summary>What has been stored for instances and not been taken in, oldest first.</summary>
    public List<(long Instance, Message Message)> Messages() => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT instance, kind, execution, task, name, data, sequence FROM inbox ORDER BY sequence";
        using var row = command.ExecuteReader();
        var items = new List<(long, Message)>();
        while (row.Read()) items.Add((row.GetInt64(0), new Message((HistoryKind)row.GetInt32(1), row.GetInt32(2), row.GetInt64(3), row.Text(4), row.Text(5), row.GetInt64(6))));
        return items;
    });

    /// <summary>Timers due after <paramref name="from"/> and up to <paramref name="to"/>.</summary>
    public List<(TimerItem Timer, DateTime Due)> Timers(DateTime from, DateTime to) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT instance, execution, task, due FROM work WHERE due > $from AND due <= $to ORDER BY due";
        command.Parameters.AddWithValue("$from", from.Ticks);
        command.Parameters.AddWithValue("$to", to.Ticks);
        using var row = command.ExecuteReader();
        var items = new List<(TimerItem, DateTime)>();
        while (row.Read()) items.Add((new TimerItem(row.GetInt64(0), row.GetInt32(1), row.GetInt64(2)), row.Time(3)));
        return items;
    });

    /// <summary>Deletes an ended instance, with its ended descendants when <paramref name="recursive"/>.</summary>
    /// <returns>How many were deleted: none when it is missing or has not ended.</returns>
    public Task<int> PurgeAsync(string id, bool recursive, CancellationToken cancellation) =>
        WriteAsync(store => Existing(store, id) is { } found && found.Status is not (Running or Pending or Suspended) ? Purge(store, found.Key, recursive) : 0, cancellation);

    /// <summary>Deletes ended instances that the filter lets through, some hundred a transaction, until none is left or <paramref name="deadline"/> has come.</summary>
    public async Task<(int Count, bool IsComplete)> PurgeAsync(PurgeInstancesFilter filter, DateTime? endedBefore, bool recursive, DateTime? deadline, CancellationToken cancellation)
    {
        for (var count = 0; ;)
        {
            if (deadline is { } late && _clock.GetUtcNow().UtcDateTime >= late) return (count, false);
            cancellation.ThrowIfCancellationRequested();
            var keys = Ended(filter, endedBefore);
            if (keys.Count == 0) return (count, true);
            count += await WriteAsync(store => keys.Sum(key => Purge(store, key, recursive)), cancellation);
        }
    }

    private List<long> Ended(PurgeInstancesFilter filter, DateTime? endedBefore) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        var where = Where(command, filter.CreatedFrom, filter.CreatedTo, filter.Statuses);
        if (endedBefore is { } end)
        {
            where += " AND i.completed < $end";
            command.Parameters.AddWithValue("$end", end.Ticks);
        }

        command.CommandText = $"SELECT i.key FROM instances i WHERE i.completed IS NOT NULL{where} LIMIT {PurgeBatch}";
        using var row = command.ExecuteReader();
        var keys = new List<long>();
        while (row.Read()) keys.Add(row.GetInt64(0));
        return keys;
    });

    private static int Purge(Statements store, long key, bool recursive)
    {
        var count = 0;
        if (recursive)
        {
            foreach (var child in store.Rows("SELECT key FROM instances WHERE parent = $1 AND completed IS NOT NULL", row => row.GetInt64(0), key)) count += Purge(store, child, recursive);
        }

        if (store.Scalar("SELECT 1 FROM instances WHERE key = $1", key) is null) return count;
        Delete(store, key);
        return count + 1;
    }
}
