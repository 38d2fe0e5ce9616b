using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Client;
using Skylight.Edge.Hosting;
using Skylight.Local.Sqlite;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// durable.db: instances, their history, open work, and an inbox of what has happened to them but is not in their history yet.
/// Every change is one transaction of the group-committing writer, on disk before its task completes.
/// </summary>
internal sealed partial class Store : IAsyncDisposable
{
    internal const int Running = (int)OrchestrationRuntimeStatus.Running;
    internal const int Pending = (int)OrchestrationRuntimeStatus.Pending;
    internal const int Suspended = (int)OrchestrationRuntimeStatus.Suspended;

    private const string OpenStatuses = "(0, 6, 7)";

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS instances(
            key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, execution INTEGER NOT NULL, turn INTEGER NOT NULL, events INTEGER NOT NULL,
            status INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, completed INTEGER, custom TEXT, tags TEXT,
            parent INTEGER, parent_execution INTEGER, parent_task INTEGER, parent_id TEXT, parent_name TEXT) STRICT;
        CREATE INDEX IF NOT EXISTS instances_status ON instances(status, key);
        CREATE INDEX IF NOT EXISTS instances_parent ON instances(parent) WHERE parent IS NOT NULL;
        CREATE INDEX IF NOT EXISTS instances_completed ON instances(completed) WHERE completed IS NOT NULL;
        CREATE TABLE IF NOT EXISTS payloads(instance INTEGER PRIMARY KEY, input TEXT, output TEXT, failure TEXT) STRICT;
        CREATE TABLE IF NOT EXISTS history(
            instance INTEGER NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, task INTEGER NOT NULL, time INTEGER NOT NULL, name TEXT, data TEXT,
            PRIMARY KEY(instance, sequence)) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS work(
            instance INTEGER NOT NULL, task INTEGER NOT NULL, kind INTEGER NOT NULL, execution INTEGER NOT NULL, name TEXT, due INTEGER, input TEXT,
            PRIMARY KEY(instance, task)) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS work_due ON work(due) WHERE due IS NOT NULL;
        CREATE TABLE IF NOT EXISTS inbox(
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, instance INTEGER NOT NULL, kind INTEGER NOT NULL, execution INTEGER NOT NULL, task INTEGER NOT NULL, name TEXT, data TEXT) STRICT;
        CREATE INDEX IF NOT EXISTS inbox_instance ON inbox(instance);
        PRAGMA user_version = 1;
        """;

    private readonly SqliteDatabase _database;
    private readonly TimeProvider _clock;
    private Statements? _statements;

    private Store(SqliteDatabase database, TimeProvider clock) => (_database, _clock) = (database, clock);

    /// <exception cref="StartupException">The file was written by a newer version.</exception>
    public static Store Open(string path, TimeProvider clock)
    {
        CheckVersion(path);
        return new Store(SqliteDatabase.Open(path, SqliteDurability.Full, Schema), clock);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private static void CheckVersion(string path)
    {
        if (!File.Exists(path)) return;
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = (long)command.ExecuteScalar()!;
        if (version > 1) throw new StartupException([$"{path} has format {version}; this version reads up to 1."]);
    }

    internal Task<T> WriteAsync<T>(Func<Statements, T> work, CancellationToken cancellation) =>
        // Work runs on the writer's one thread and connection: the statements are prepared once.
        _database.WriteAsync(connection => work(_statements ??= new Statements(connection)), cancellation);

    private static string? WriteTags(IReadOnlyDictionary<string, string>? tags) => tags is null or { Count: 0 } ? null : JsonSerializer.Serialize(tags);

    private static Dictionary<string, string>? ReadTags(string? tags) => tags is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(tags);
}

/// <summary>Prepared statements of one connection, by their text. Values are numbered $1, $2 …</summary>
internal sealed class Statements(SqliteConnection connection)
{
    private readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

    public int Run(string sql, params ReadOnlySpan<object?> values) => Bind(sql, values).ExecuteNonQuery();

    public object? Scalar(string sql, params ReadOnlySpan<object?> values) => Bind(sql, values).ExecuteScalar() is { } value and not DBNull ? value : null;

    public List<T> Rows<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> values)
    {
        using var reader = Bind(sql, values).ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(row(reader));
        return rows;
    }

    private SqliteCommand Bind(string sql, ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 1; i <= values.Length; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            _commands.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }
}

internal static class Row
{
    public static string? Text(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static long? Number(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    public static DateTime Time(this SqliteDataReader row, int column) => new(row.GetInt64(column), DateTimeKind.Utc);
}
