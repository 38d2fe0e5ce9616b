using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Skylight.Local.Sqlite;

/// <summary>
/// One SQLite file in WAL mode: one writer thread that commits whatever has queued up in one transaction (group commit), and pooled readers.
/// A write's task completes only after the commit; with <see cref="SqliteDurability.Full"/> that includes the fsync.
/// </summary>
public sealed class SqliteDatabase : IAsyncDisposable
{
    private const int MaxGroup = 512;
    private readonly string _connectionString;
    private readonly Lock _lock = new();
    private readonly Queue<Work> _queue = [];
    // Not a BlockingCollection: that spins for a while before it sleeps, and this thread sleeps some thousand times a second.
    private readonly AutoResetEvent _signal = new(false);
    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private readonly Thread _writer;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _broken;
    private bool _closing;
    private bool _disposed;

    private SqliteDatabase(string path, SqliteDurability durability, string schema)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 30 }.ToString();
        var connection = Connect();
        try
        {
            Run(connection, "PRAGMA journal_mode=WAL");
            Run(connection, durability == SqliteDurability.Full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
            // Search terms land all over their index: the writer keeps its upper pages at hand, and writes a page back once for many changes. Behind a journal only:
            // there nothing but the time of a restart depends on it.
            if (durability == SqliteDurability.Journaled) Run(connection, "PRAGMA cache_size=-49152");
            Run(connection, durability == SqliteDurability.Journaled ? "PRAGMA wal_autocheckpoint=16000" : "PRAGMA wal_autocheckpoint=4000");
            // What is deleted is overwritten: an erased patient must not be read out of a free page.
            Run(connection, "PRAGMA secure_delete=ON");
            Run(connection, schema);
        }
        catch (Exception error)
        {
            if (error is SqliteException fault) SqliteFaults.Mark(fault, connection);
            connection.Dispose();
            throw;
        }

        _writer = new Thread(() => WriteLoop(connection)) { IsBackground = true, Name = $"sqlite {Path.GetFileName(path)}" };
        _writer.Start();
    }

    /// <summary>Opens or creates the file and runs <paramref name="schema"/> (idempotent DDL).</summary>
    public static SqliteDatabase Open(string path, SqliteDurability durability, string schema) => new(path, durability, schema);

    /// <summary>Runs <paramref name="work"/> on the writer thread inside a transaction of its own meaning: its exception undoes it alone.</summary>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        T? result = default;
        var item = new Work(
            connection => result = work(connection),
            error =>
            {
                if (error is null) completion.SetResult(result!);
                else completion.SetException(error);
            });
        Enqueue(item);
        // Not cancellable past this point: the write may already be in a transaction, and its outcome must be known.
        return await completion.Task;
    }

    /// <summary>
    /// As <see cref="WriteAsync"/>, for a caller that gathers work itself: <paramref name="done"/> is called on the writer thread after the commit, with what
    /// the write failed of or null, and neither waits nor throws.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The database is closed; nothing is called.</exception>
    public void Post(Action<SqliteConnection> work, Action<Exception?> done)
    {
        Enqueue(new Work(work, done));
    }

    private void Enqueue(Work work)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closing, this);
            _queue.Enqueue(work);
            if (_queue.Count == 1) _signal.Set();
        }
    }

    /// <summary>Runs <paramref name="read"/> on a reader connection: a snapshot that includes every write acknowledged before the call.</summary>
    public T Read<T>(Func<SqliteConnection, T> read)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_readers.TryTake(out var connection)) connection = Connect();
        try
        {
            return read(connection);
        }
        catch (SqliteException error)
        {
            SqliteFaults.Mark(error, connection);
            throw;
        }
        finally
        {
            if (_disposed || _readers.Count > 16) connection.Dispose();
            else _readers.Add(connection);
        }
    }

    /// <summary>Writes the log back into the main file and fsyncs it.</summary>
    public Task CheckpointAsync(CancellationToken cancellationToken) =>
        Task.Run(() => Read(connection => Run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")), cancellationToken);

    /// <summary>As <see cref="CheckpointAsync"/>, but repeated until no reader has kept a part of the log from being emptied.</summary>
    /// <exception cref="IOException">Readers kept the log for half a minute.</exception>
    public async Task PurgeAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 60; attempt++)
        {
            var busy = await Task.Run(() => Read(static connection => Scalar(connection, "PRAGMA wal_checkpoint(TRUNCATE)")), cancellationToken);
            if (busy == 0) return;
            await Task.Delay(TimeSpan.FromMilliseconds(500), cancellationToken);
        }

        throw new IOException("The log of a database is in use and cannot be emptied.");
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        lock (_lock) _closing = true;
        _signal.Set();
        await _stopped.Task;
        while (_readers.TryTake(out var reader)) reader.Dispose();
        _signal.Dispose();
    }

    internal static int Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }

    /// <summary>The first column of the first row.</summary>
    private static long Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private static void Step(SqliteConnection connection, string sql)
    {
        using var command = connection.Statement(sql);
        command.ExecuteNonQuery();
    }

    private CachingConnection Connect()
    {
        var connection = new CachingConnection(_connectionString);
        connection.Open();
        Run(connection, "PRAGMA busy_timeout=30000");
        return connection;
    }

    private void WriteLoop(SqliteConnection connection)
    {
        var group = new List<(Work Work, Exception? Error)>(MaxGroup);
        try
        {
            while (Next() is { } first)
            {
                group.Clear();
                var failure = _broken;
                if (failure is not null)
                {
                    first.Done(failure);
                    continue;
                }

                Work? current = first;
                try
                {
                    Step(connection, "BEGIN IMMEDIATE");
                    do
                    {
                        group.Add((current, group.Count == 0 ? ApplyFirst(connection, current) : Apply(connection, current)));
                        current = null;
                    }
                    while (group.Count < MaxGroup && TryNext(out current));
                    Step(connection, "COMMIT");
                }
                catch (SqliteException error)
                {
                    // Fails the whole group, and the work it came up in: whoever waits for it must hear of it.
                    failure = error;
                    SqliteFaults.Mark(error, connection);
                    if (current is not null) group.Add((current, null));
                    if (!TryRollback(connection)) _broken = error;
                }

                foreach (var (work, error) in group) work.Done(failure ?? error);
            }
        }
        finally
        {
            connection.Dispose();
            _stopped.SetResult();
        }
    }

    private bool TryNext([NotNullWhen(true)] out Work? work)
    {
        lock (_lock) return _queue.TryDequeue(out work);
    }

    /// <summary>Waits for work; null at the end.</summary>
    private Work? Next()
    {
        while (true)
        {
            lock (_lock)
            {
                if (_queue.TryDequeue(out var work)) return work;
                if (_closing) return null;
            }

            _signal.WaitOne();
        }
    }

    /// <summary>As <see cref="Apply"/>, for the first of a group: the transaction itself is undone when it fails, so it needs no savepoint.</summary>
    private static Exception? ApplyFirst(SqliteConnection connection, Work work)
    {
        try
        {
            work.Run(connection);
            return null;
        }
        catch (Exception error) when (error is not SqliteException { SqliteErrorCode: 10 or 11 or 13 })
        {
            Step(connection, "ROLLBACK");
            Step(connection, "BEGIN IMMEDIATE");
            return error;
        }
    }

    private static Exception? Apply(SqliteConnection connection, Work work)
    {
        Step(connection, "SAVEPOINT w");
        try
        {
            work.Run(connection);
            Step(connection, "RELEASE w");
            return null;
        }
        catch (Exception error) when (error is not SqliteException { SqliteErrorCode: 10 or 11 or 13 })
        {
            // The work's own failure (a conflict, a constraint) is its caller's answer; I/O errors, corruption and a full disk fail the group.
            Step(connection, "ROLLBACK TO w");
            Step(connection, "RELEASE w");
            return error;
        }
    }

    private static bool TryRollback(SqliteConnection connection)
    {
        try
        {
            Run(connection, "ROLLBACK");
            return true;
        }
        catch (SqliteException error)
        {
            // "no transaction is active": SQLite has already rolled back by itself.
            return string.Create(CultureInfo.InvariantCulture, $"{error.Message}").Contains("no transaction", StringComparison.Ordinal);
        }
    }

    private sealed record Work(Action<SqliteConnection> Run, Action<Exception?> Done);
}

public enum SqliteDurability
{
    /// <summary>An acknowledged write survives a power cut (synchronous=FULL).</summary>
    Full,

    /// <summary>The file stays consistent, but the newest writes may be lost with the power: only behind a journal that replays them.</summary>
    Journaled,
}
