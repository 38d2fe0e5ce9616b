using System.Globalization;
using DurableTask.Core.Exceptions;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>A new instance as a client asks for it.</summary>
internal sealed record NewInstance(string Id, string Name, string? Input, DateTime? StartAt, IReadOnlyDictionary<string, string>? Tags, IReadOnlySet<int> Blocking);

/// <summary>What clients do: create, tell, ask, purge.</summary>
internal sealed partial class Store
{
    /// <summary>The name of a termination that goes on to the sub-orchestrations.</summary>
    public const string Recursive = "recursive";

    /// <summary>Creates the instance; one of the same id in a status that does not block is replaced.</summary>
    /// <returns>Its key, and its start message unless it starts later.</returns>
    /// <exception cref="OrchestrationAlreadyExistsException">There is one in a blocking status.</exception>
    public Task<(long Key, Message? Start, long? Replaced)> CreateAsync(NewInstance instance, CancellationToken cancellation) =>
        WriteAsync<(long, Message?, long?)>(
            store =>
            {
                var now = _clock.GetUtcNow().UtcDateTime;
                var existing = Existing(store, instance.Id);
                if (existing is { } found)
                {
                    if (instance.Blocking.Contains(found.Status))
                        throw new OrchestrationAlreadyExistsException($"An orchestration with the id '{instance.Id}' exists already; it is {(OrchestrationRuntimeStatus)found.Status}.");
                    Delete(store, found.Key);
                }

                var key = Insert(store, instance.Id, instance.Name, instance.Input, instance.Tags, now, null);
                if (instance.StartAt is not { } start || start <= now) return (key, Tell(store, key, new Message(HistoryKind.Started)), existing?.Key);
                store.Run("INSERT INTO work(instance, task, kind, execution, due) VALUES($1,$2,$3,0,$4)", key, WorkItem.StartTask, (int)WorkKind.Start, start.Ticks);
                return (key, null, existing?.Key);
            },
            cancellation);

    /// <summary>Puts a message into the inbox of an open instance; null when there is none of that id.</summary>
    public Task<(long Key, Message Message)?> TellAsync(string id, Message message, CancellationToken cancellation) =>
        WriteAsync<(long, Message)?>(
            store => Existing(store, id) is { Status: Running or Pending or Suspended } target ? (target.Key, Tell(store, target.Key, message)) : null,
            cancellation);

    /// <summary>Starts an ended instance anew with its old input: under its own id, or under <paramref name="newId"/>.</summary>
    /// <exception cref="ArgumentException">No such instance.</exception>
    /// <exception cref="InvalidOperationException">It has not ended.</exception>
    public Task<(long Key, Message Start, long? Replaced)> RestartAsync(string id, string? newId, CancellationToken cancellation) =>
        WriteAsync<(long, Message, long?)>(
            store =>
            {
                var existing = Existing(store, id) ?? throw new ArgumentException($"An orchestration with the instanceId {id} was not found.", nameof(id));
                if (newId is null && existing.Status is Running or Pending or Suspended)
                    throw new InvalidOperationException($"An orchestration with the instanceId {id} cannot be restarted: it has not ended.");
                var (name, input, tags) = store.Rows(
                    "SELECT i.name, p.input, i.tags FROM instances i LEFT JOIN payloads p ON p.instance = i.key WHERE i.key = $1",
                    row => (row.GetString(0), row.Text(1), row.Text(2)), existing.Key)[0];
                if (newId is null) Delete(store, existing.Key);
                var key = Insert(store, newId ?? id, name, input, ReadTags(tags), _clock.GetUtcNow().UtcDateTime, null);
                return (key, Tell(store, key, new Message(HistoryKind.Started)), newId is null ? existing.Key : null);
            },
            cancellation);

    public OrchestrationMetadata? Find(string id, bool withData, DataConverter converter) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"{Select(withData)} WHERE i.id = $id";
        command.Parameters.AddWithValue("$id", id);
        using var row = command.ExecuteReader();
        return row.Read() ? Metadata(row, withData, converter) : null;
    });

    public Page<OrchestrationMetadata> Query(OrchestrationQuery query, string? continuation, int size, DataConverter converter) => _database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        var where = Where(command, query.CreatedFrom, query.CreatedTo, query.Statuses);
        if (query.InstanceIdPrefix is { Length: > 0 } prefix)
        {
            where += " AND substr(i.id, 1, length($prefix)) = $prefix";
            command.Parameters.AddWithValue("$prefix", prefix);
        }

        command.Parameters.AddWithValue("$after", long.TryParse(continuation, NumberStyles.None, CultureInfo.InvariantCulture, out var after) ? after : 0);
        command.Parameters.AddWithValue("$limit", size + 1);
        command.CommandText = $"{Select(query.FetchInputsAndOutputs)} WHERE i.key > $after{where} ORDER BY i.key LIMIT $limit";
        using var row = command.ExecuteReader();
        var items = new List<OrchestrationMetadata>();
        var last = 0L;
        while (row.Read())
        {
            if (items.Count == size) return new Page<OrchestrationMetadata>(items, last.ToString(CultureInfo.InvariantCulture));
            items.Add(Metadata(row, query.FetchInputsAndOutputs, converter));
            last = row.GetInt64(0);
        }

        return new Page<OrchestrationMetadata>(items);
    });

    private static string Select(bool withData) =>
        $"SELECT i.key, i.id, i.name, i.status, i.created, i.updated, i.tags, p.failure, i.custom{(withData ? ", p.input, p.output" : "")} FROM instances i LEFT JOIN payloads p ON p.instance = i.key";

    private static string Where(SqliteCommand command, DateTimeOffset? from, DateTimeOffset? to, IEnumerable<OrchestrationRuntimeStatus>? statuses)
    {
        var where = "";
        if (from is { } first)
        {
            where += " AND i.created >= $from";
            command.Parameters.AddWithValue("$from", first.UtcTicks);
        }

        if (to is { } last)
        {
            where += " AND i.created <= $to";
            command.Parameters.AddWithValue("$to", last.UtcTicks);
        }

        var wanted = statuses?.Select(status => (int)status).Distinct().ToArray();
        return wanted is { Length: > 0 } ? $"{where} AND i.status IN ({string.Join(',', wanted)})" : where;
    }

    private static OrchestrationMetadata Metadata(SqliteDataReader row, bool withData, DataConverter converter)
    {
        var metadata = new OrchestrationMetadata(row.GetString(2), row.GetString(1))
        {
            RuntimeStatus = (OrchestrationRuntimeStatus)row.GetInt32(3),
            CreatedAt = row.Time(4),
            LastUpdatedAt = row.Time(5),
            FailureDetails = row.Text(7) is { } failure ? Failures.Read(failure) : null,
            SerializedCustomStatus = withData ? row.Text(8) : null,
            SerializedInput = withData ? row.Text(9) : null,
            SerializedOutput = withData ? row.Text(10) : null,
            DataConverter = withData ? converter : null,
            Tags = ReadTags(row.Text(6)) ?? [],
        };
        return metadata;
    }

    private static (long Key, int Status)? Existing(Statements store, string id)
    {
        var found = store.Rows("SELECT key, status FROM instances WHERE id = $1", row => (row.GetInt64(0), row.GetInt32(1)), id);
        return found.Count == 0 ? null : found[0];
    }

    private static long Insert(Statements store, string id, string name, string? input, IReadOnlyDictionary<string, string>? tags, DateTime now, ParentLink? parent)
    {
        var key = (long)store.Scalar(
            """
            INSERT INTO instances(id, name, execution, turn, events, status, created, updated, tags, parent, parent_execution, parent_task, parent_id, parent_name)
            VALUES($1,$2,1,0,0,6,$3,$3,$4,$5,$6,$7,$8,$9) RETURNING key
            """,
            id, name, now.Ticks, WriteTags(tags), parent?.Key, parent?.Execution, parent?.Task, parent?.Id, parent?.Name)!;
        if (input is not null) store.Run("INSERT INTO payloads(instance, input) VALUES($1,$2)", key, input);
        return key;
    }

    private static void Delete(Statements store, long key)
    {
        store.Run("DELETE FROM history WHERE instance = $1", key);
        store.Run("DELETE FROM work WHERE instance = $1", key);
        store.Run("DELETE FROM inbox WHERE instance = $1", key);
        store.Run("DELETE FROM payloads WHERE instance = $1", key);
        store.Run("DELETE FROM instances WHERE key = $1", key);
    }
}
