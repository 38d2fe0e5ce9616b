using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Skylight.Core.Queues;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Queues;

/// <summary>
/// <see cref="IQueue"/> in one SQLite table. A host's own consumers lease under <see cref="HostLease"/>: such leases end with the process, so
/// a restart after a crash goes on at once instead of waiting them out.
/// </summary>
/// <remarks>
/// Delays and leases are measured by the monotonic clock, from the later of the wall clock at start and the newest stored time: setting the
/// clock forward ends no lease, and setting it back hides no message.
/// </remarks>
public sealed class SqliteQueue : IQueue
{
    /// <summary>The holder of leases that the host's consumers take.</summary>
    public const string HostLease = "host";

    /// <summary>The last statement ends the leases of a host that is gone: the data folder's lock says that there is no other.</summary>
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS messages(seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, receipt TEXT, holder TEXT, body BLOB NOT NULL,
          dequeued INTEGER NOT NULL, inserted_at INTEGER NOT NULL, visible_at INTEGER NOT NULL);
        CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages(queue, visible_at, seq);
        UPDATE messages SET receipt = NULL, holder = NULL, visible_at = 0 WHERE holder = 'host';
        """;

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _signals = new(StringComparer.Ordinal);
    private readonly SqliteDatabase _database;
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly long _originTimestamp;

    public SqliteQueue(SqliteDatabase database, TimeProvider time)
    {
        (_database, _time) = (database, time);
        var newest = database.Read(static connection =>
        {
            using var max = Command(connection, "SELECT coalesce(max(inserted_at), 0) FROM messages");
            return (long)max.ExecuteScalar()!;
        });
        _origin = Math.Max(newest, time.GetUtcNow().ToUnixTimeMilliseconds());
        _originTimestamp = time.GetTimestamp();
    }

    public ValueTask SendAsync(string queue, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken)
    {
        QueueRules.CheckName(queue);
        QueueRules.CheckBody(body);
        QueueRules.CheckSpan(delay);
        return SendManyAsync([(queue, body)], delay, cancellationToken);
    }

    public ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, CancellationToken cancellationToken)
    {
        QueueRules.CheckName(queue);
        return ReceiveAsync(queue, max, visibility, holder: null, cancellationToken);
    }

    /// <summary>Sends to several queues in one transaction; queue names are not restricted here (the host has queues of its own).</summary>
    public async ValueTask SendManyAsync(IReadOnlyList<(string Queue, ReadOnlyMemory<byte> Body)> messages, TimeSpan delay, CancellationToken cancellationToken)
    {
        if (messages.Count == 0) return;
        await _database.WriteAsync(
            connection =>
            {
                foreach (var (queue, body) in messages) Insert(connection, queue, body, After(delay));
                return 0;
            },
            cancellationToken);
        foreach (var (queue, _) in messages) Signal(queue);
    }

    public async ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, string? holder, CancellationToken cancellationToken)
    {
        if (max is < 1 or > 32) throw new ArgumentOutOfRangeException(nameof(max), max, "1 to 32");
        QueueRules.CheckSpan(visibility);
        if (!_database.Read(connection => AnyVisible(connection, queue))) return [];
        return await _database.WriteAsync<IReadOnlyList<QueueMessage>>(connection => Take(connection, queue, max, visibility, holder), cancellationToken);
    }

    public async ValueTask<QueueMessage?> ExtendAsync(QueueMessage message, TimeSpan visibility, CancellationToken cancellationToken)
    {
        QueueRules.CheckSpan(visibility);
        var until = After(visibility);
        var held = await _database.WriteAsync(
            connection =>
            {
                // Given back: nobody holds it any more, and its time to come back outlives a restart.
                using var update = Command(connection, "UPDATE messages SET visible_at=$until, holder=CASE WHEN $lease THEN holder END WHERE seq=$seq AND receipt=$receipt");
                update.Parameters.AddWithValue("$until", until);
                update.Parameters.AddWithValue("$lease", visibility > TimeSpan.Zero);
                Identify(update, message);
                return update.ExecuteNonQuery() > 0;
            },
            cancellationToken);
        if (held && visibility == TimeSpan.Zero) Signal(message.Queue);
        return held ? message with { VisibleAt = DateTimeOffset.FromUnixTimeMilliseconds(until) } : null;
    }

    /// <summary>Ends the lease of a message that could not be handled: it comes back after <paramref name="delay"/>, also across a restart.</summary>
    public async ValueTask<bool> ReleaseAsync(QueueMessage message, TimeSpan delay, CancellationToken cancellationToken)
    {
        var released = await _database.WriteAsync(
            connection =>
            {
                using var update = Command(connection, "UPDATE messages SET visible_at=$until, holder=NULL, receipt=NULL WHERE seq=$seq AND receipt=$receipt");
                update.Parameters.AddWithValue("$until", After(delay));
                Identify(update, message);
                return update.ExecuteNonQuery() > 0;
            },
            cancellationToken);
        if (released && delay == TimeSpan.Zero) Signal(message.Queue);
        return released;
    }

    public async ValueTask<bool> CompleteAsync(QueueMessage message, CancellationToken cancellationToken) =>
        await _database.WriteAsync(
            connection =>
            {
                using var delete = Command(connection, "DELETE FROM messages WHERE seq=$seq AND receipt=$receipt");
                Identify(delete, message);
                return delete.ExecuteNonQuery() > 0;
            },
            cancellationToken);

    /// <summary>Moves a message that could not be handled often enough to <c>{queue}-poison</c>, in one transaction.</summary>
    public async ValueTask<bool> PoisonAsync(QueueMessage message, CancellationToken cancellationToken)
    {
        var poison = message.Queue + "-poison";
        var moved = await _database.WriteAsync(
            connection =>
            {
                using var move = Command(connection, "UPDATE messages SET queue=$poison, receipt=NULL, holder=NULL, dequeued=0, visible_at=$now WHERE seq=$seq AND receipt=$receipt");
                move.Parameters.AddWithValue("$poison", poison);
                move.Parameters.AddWithValue("$now", Now());
                        Identify(move, message);
                return move.ExecuteNonQuery() > 0;
            },
            cancellationToken);
        if (moved) Signal(poison);
        return moved;
    }

    public ValueTask<long> CountAsync(string queue, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(_database.Read(connection =>
        {
            using var count = Command(connection, "SELECT count(*) FROM messages WHERE queue=$queue");
            count.Parameters.AddWithValue("$queue", queue);
            return (long)count.ExecuteScalar()!;
        }));
    }

    /// <summary>Messages by queue, the host's own queues included; for gauges.</summary>
    public IReadOnlyDictionary<string, long> Counts() => _database.Read(connection =>
    {
        using var count = Command(connection, "SELECT queue, count(*) FROM messages GROUP BY queue");
        using var reader = count.ExecuteReader();
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        while (reader.Read()) counts[reader.GetString(0)] = reader.GetInt64(1);
        return counts;
    });

    /// <summary>A task that completes at the next send to the queue; take it before looking for messages, so that none slips through between.</summary>
    public Task NextSend(string queue) => _signals.GetOrAdd(queue, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private static List<QueueMessage> Read(SqliteCommand command, string queue)
    {
        using var reader = command.ExecuteReader();
        var taken = new List<QueueMessage>();
        while (reader.Read())
        {
            taken.Add(new QueueMessage(
                queue,
                reader.GetInt64(0).ToString(System.Globalization.CultureInfo.InvariantCulture),
                reader.GetString(1),
                reader.GetFieldValue<byte[]>(2),
                reader.GetInt32(3),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4)),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(5))));
        }

        taken.Sort(static (a, b) => a.Id.Length != b.Id.Length ? a.Id.Length - b.Id.Length : string.CompareOrdinal(a.Id, b.Id));
        return taken;
    }

    private List<QueueMessage> Take(SqliteConnection connection, string queue, int max, TimeSpan visibility, string? holder)
    {
        using var take = Command(connection, """
            UPDATE messages SET visible_at=$until, dequeued=dequeued+1, receipt=$receipt, holder=$holder
            WHERE seq IN (SELECT seq FROM messages WHERE queue=$queue AND visible_at<=$now ORDER BY visible_at, seq LIMIT $max)
            RETURNING seq, receipt, body, dequeued, inserted_at, visible_at
            """);
        take.Parameters.AddWithValue("$queue", queue);
        take.Parameters.AddWithValue("$now", Now());
        take.Parameters.AddWithValue("$until", After(visibility));
        take.Parameters.AddWithValue("$receipt", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
        take.Parameters.AddWithValue("$holder", (object?)holder ?? DBNull.Value);
        take.Parameters.AddWithValue("$max", max);
        return Read(take, queue);
    }

    private bool AnyVisible(SqliteConnection connection, string queue)
    {
        using var any = Command(connection, "SELECT EXISTS(SELECT 1 FROM messages WHERE queue=$queue AND visible_at<=$now)");
        any.Parameters.AddWithValue("$queue", queue);
        any.Parameters.AddWithValue("$now", Now());
        return (long)any.ExecuteScalar()! != 0;
    }

    private void Insert(SqliteConnection connection, string queue, ReadOnlyMemory<byte> body, long visibleAt)
    {
        using var insert = Command(connection, "INSERT INTO messages(queue, body, dequeued, inserted_at, visible_at) VALUES($queue, $body, 0, $now, $visible)");
        insert.Parameters.AddWithValue("$queue", queue);
        insert.Parameters.AddWithValue("$body", body.ToArray());
        insert.Parameters.AddWithValue("$now", Now());
        insert.Parameters.AddWithValue("$visible", visibleAt);
        insert.ExecuteNonQuery();
    }

    private void Signal(string queue)
    {
        if (_signals.TryRemove(queue, out var signal)) signal.TrySetResult();
    }

    private long After(TimeSpan delay) => Now() + (long)Math.Ceiling(delay.TotalMilliseconds);

    private long Now() => _origin + (long)_time.GetElapsedTime(_originTimestamp).TotalMilliseconds;

    private static void Identify(SqliteCommand command, QueueMessage message)
    {
        command.Parameters.AddWithValue("$seq", long.Parse(message.Id, System.Globalization.CultureInfo.InvariantCulture));
        command.Parameters.AddWithValue("$receipt", message.Receipt);
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }
}
