using System.Buffers.Binary;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Local.Journal;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

/// <summary>
/// Extends the chains. An entry is durable, and has its place in its chain, when its record in the audit journal is on disk: one short append, which
/// entries that come up together share. <c>audit.db</c> takes them many at a time a little later; whoever reads the trail waits until it has
/// (<see cref="FlushAsync"/>), and a start takes from the journal what it lacks. Thread-safe.
/// </summary>
internal sealed class ChainWriter(SqliteDatabase database, Journal.Journal journal, TimeProvider time, ILogger log) : IAsyncDisposable
{
    /// <summary>How long entries are gathered while nobody wants to read them.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(250);

    /// <summary>How long to wait after <c>audit.db</c> could not be written.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>So many are written at once, without waiting for others.</summary>
    private const int Many = 1000;

    /// <summary>When <c>audit.db</c> has left so many untaken, new ones are refused.</summary>
    private const int MaxWaiting = 100_000;

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private List<Row> _waiting = [];
    private TaskCompletionSource _hurry = Signal();
    private TaskCompletionSource _next = Signal();
    private Task? _writing;
    private bool _running;
    private long _applied;

    /// <summary>Why nothing can be appended any more; null while it can.</summary>
    public JournalException? Failure => journal.Failure;

    /// <summary>Takes from the journal what <c>audit.db</c> lacks; from then on entries can be appended. May be repeated after a failure.</summary>
    /// <param name="open">Opens the chain of an institution.</param>
    public async Task StartAsync(Func<string, ValueTask<ChainHead>> open, CancellationToken cancellationToken)
    {
        await MoveRecentAsync(cancellationToken);
        _applied = database.Read(static connection =>
        {
            using var command = connection.Statement("SELECT sequence FROM applied");
            return (long)command.ExecuteScalar()!;
        });
        var lacking = new List<(ChainHead Head, byte[] Body, long Record)>();
        await journal.StartAsync(
            _applied,
            async (record, bytes, _) =>
            {
                var (institution, body) = Parse(bytes.Span);
                lacking.Add((await open(institution), body, record));
            },
            (_, token) => new ValueTask(FlushAsync(token)),
            cancellationToken);
        foreach (var (head, body, record) in lacking) Take(head, AuditChain.Decode(body), body, record);
    }

    /// <summary>Durable when the task completes.</summary>
    /// <returns>The entry's place in its chain.</returns>
    public async ValueTask<long> AppendAsync(ChainHead head, AuditEvent entry, byte[] body)
    {
        lock (_lock)
        {
            if (_waiting.Count >= MaxWaiting) throw new IOException("The audit trail cannot be written.");
        }

        var place = 0L;
        await journal.AppendAsync(
            [],
            Record(head.Institution, body),
            record =>
            {
                place = Take(head, entry, body, record);
                return ValueTask.CompletedTask;
            },
            // The outcome must be known: a record that is being written is not taken back.
            CancellationToken.None);
        return place;
    }

    /// <summary>Waits until every entry that was durable before the call is in <c>audit.db</c>.</summary>
    /// <exception cref="SqliteException">It cannot be written; the entries wait in the journal.</exception>
    public Task FlushAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_waiting.Count > 0)
            {
                _hurry.TrySetResult();
                return _next.Task.WaitAsync(cancellationToken);
            }

            return _writing?.WaitAsync(cancellationToken) ?? Task.CompletedTask;
        }
    }

    /// <summary>Leaves an empty journal behind where it can.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await FlushAsync(CancellationToken.None);
            if (journal.Started && journal.Failure is null)
            {
                await journal.RotateAsync();
                journal.DropThrough(_applied);
            }
        }
        catch (Exception error) when (error is IOException or SqliteException)
        {
            // The entries are safe in the journal; the next start has them.
            Log.AuditNotWritten(log, error);
        }

        await _stop.CancelAsync();
        await journal.DisposeAsync();
    }

    /// <summary>Called in the order of the records, one at a time: so a start makes the same chain of them again.</summary>
    private long Take(ChainHead head, AuditEvent entry, byte[] body, long record)
    {
        var (sequence, previous, hash) = head.Extend(body);
        lock (_lock)
        {
            _waiting.Add(new Row(head, entry, body, sequence, previous, hash, record));
            if (_waiting.Count >= Many) _hurry.TrySetResult();
            if (!_running)
            {
                _running = true;
                _ = RunAsync();
            }
        }

        return sequence;
    }

    /// <summary>Writes until nothing waits. Never fails: whoever flushes hears of a failure, and what was not written is tried again.</summary>
    private async Task RunAsync()
    {
        while (true)
        {
            await Task.WhenAny(_hurry.Task, Task.Delay(Linger, time, _stop.Token));
            List<Row> rows;
            TaskCompletionSource done;
            lock (_lock)
            {
                (rows, _waiting) = (_waiting, []);
                (done, _next, _hurry) = (_next, Signal(), Signal());
                _writing = done.Task;
            }

            var failure = await TryWriteAsync(rows);
            bool more;
            lock (_lock)
            {
                if (failure is not null) _waiting.InsertRange(0, rows);
                more = _running = _waiting.Count > 0 && !_stop.IsCancellationRequested;
                _writing = null;
            }

            if (failure is null) done.SetResult();
            else done.SetException(failure);
            if (!more) return;
            if (failure is not null) await Task.WhenAny(_hurry.Task, Task.Delay(Pause, time, _stop.Token));
        }
    }

    private async Task<Exception?> TryWriteAsync(List<Row> rows)
    {
        try
        {
            await database.WriteAsync(
                connection =>
                {
                    Write(connection, rows);
                    return true;
                },
                CancellationToken.None);
            foreach (var row in rows) row.Head.Commit(row.Sequence, row.Hash);
            _applied = rows[^1].Record;
            journal.DropThrough(_applied);
            return null;
        }
        catch (Exception error) when (error is IOException or SqliteException or ObjectDisposedException)
        {
            Log.AuditNotWritten(log, error);
            return error;
        }
    }

    /// <summary>Before there was a journal, the newest entries lay in a table of their own.</summary>
    private async Task MoveRecentAsync(CancellationToken cancellationToken)
    {
        var has = database.Read(static connection =>
        {
            using var command = connection.Statement("SELECT count(*) FROM sqlite_master WHERE name='audit_recent'");
            return (long)command.ExecuteScalar()! > 0;
        });
        if (has) await database.WriteAsync(
            static connection => SqliteDatabase.Run(connection, "DROP VIEW IF EXISTS trail; INSERT OR IGNORE INTO audit SELECT * FROM audit_recent; DROP TABLE audit_recent"), cancellationToken);
    }

    private static void Write(SqliteConnection connection, List<Row> rows)
    {
        // Somebody may have put an entry of his own at a place that was promised to another: the genuine one has it.
        using var insert = connection.Raw("INSERT OR REPLACE INTO audit VALUES(?,?,?,?,?,?,?,?,?,?)");
        foreach (var (head, entry, body, sequence, previous, hash, _) in rows)
        {
            insert.Bind(1, head.Institution);
            insert.Bind(2, sequence);
            insert.Bind(3, entry.At.ToUnixTimeMilliseconds());
            insert.Bind(4, entry.PatientKey);
            insert.Bind(5, entry.StudyKey);
            insert.Bind(6, entry.Actor);
            insert.Bind(7, previous);
            insert.Bind(8, body);
            insert.Bind(9, hash);
            insert.Bind(10, AuditChain.Mac(head.Key, hash));
            insert.Run();
        }

        using var applied = connection.Raw("UPDATE applied SET sequence=?");
        applied.Bind(1, rows[^1].Record);
        applied.Run();
    }

    /// <summary>A record: length of the institution's code (2, big-endian), the code, the entry's bytes as they are hashed.</summary>
    private static byte[] Record(string institution, byte[] body)
    {
        var length = Encoding.UTF8.GetByteCount(institution);
        var record = new byte[2 + length + body.Length];
        BinaryPrimitives.WriteUInt16BigEndian(record, checked((ushort)length));
        Encoding.UTF8.GetBytes(institution, record.AsSpan(2));
        body.CopyTo(record, 2 + length);
        return record;
    }

    internal static (string Institution, byte[] Body) Parse(ReadOnlySpan<byte> record)
    {
        var length = BinaryPrimitives.ReadUInt16BigEndian(record);
        return (Encoding.UTF8.GetString(record.Slice(2, length)), record[(2 + length)..].ToArray());
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="Record">Number of its record in the journal.</param>
    private sealed record Row(ChainHead Head, AuditEvent Entry, byte[] Body, long Sequence, byte[] Previous, byte[] Hash, long Record);
}
