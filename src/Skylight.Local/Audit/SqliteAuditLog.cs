using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Core.Identity;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

/// <summary>
/// <see cref="IAuditLog"/> in one SQLite file of its own behind a journal of its own: entries that arrive together share one append and one fsync and still
/// get consecutive sequences. Owns what it is given.
/// </summary>
public sealed class SqliteAuditLog : IAuditLog, IAsyncDisposable
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS audit(pk TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, patient TEXT, study TEXT, actor TEXT,
          previous BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL, PRIMARY KEY(pk, seq)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS audit_by_patient ON audit(pk, patient, seq) WHERE patient IS NOT NULL;
        CREATE INDEX IF NOT EXISTS audit_by_study ON audit(pk, study, seq) WHERE study IS NOT NULL;
        CREATE INDEX IF NOT EXISTS audit_by_actor ON audit(pk, actor, seq) WHERE actor IS NOT NULL;
        CREATE TABLE IF NOT EXISTS applied(one INTEGER PRIMARY KEY CHECK(one = 1), sequence INTEGER NOT NULL);
        INSERT OR IGNORE INTO applied VALUES(1, 0);
        """;

    private static readonly TimeSpan HeadDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnchorEvery = TimeSpan.FromMinutes(10);

    private readonly SqliteDatabase _database;
    private readonly ChainWriter? _writer;
    private readonly AnchorFiles _anchors;
    private readonly InstitutionSecret _secret;
    private readonly TimeProvider _time;
    private readonly ILogger<SqliteAuditLog> _log;
    private readonly ConcurrentDictionary<string, ChainHead> _heads = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _anchoring;
    private readonly Lock _starting = new();
    private readonly Func<IReadOnlyList<(long Record, byte[] Change)>>? _beside;
    private Task? _started;

    /// <param name="journal">Null for a trail that is only read: by somebody beside the host, or without it.</param>
    /// <param name="beside">Of a trail that is only read: the records that lie in the journal now, in order.</param>
    public SqliteAuditLog(
        SqliteDatabase database, Journal.Journal? journal, AnchorFiles anchors, InstitutionSecret secret, TimeProvider time, ILogger<SqliteAuditLog> log,
        Func<IReadOnlyList<(long Record, byte[] Change)>>? beside = null)
    {
        _beside = beside;
        (_database, _anchors, _secret, _time, _log) = (database, anchors, secret, time, log);
        _writer = journal is null ? null : new ChainWriter(database, journal, time, log);
        _anchoring = AnchorLoopAsync();
    }

    /// <summary>Why nothing can be appended any more until a restart; null while it can.</summary>
    internal Exception? Failure => _writer?.Failure;

    public async ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_writer is null) throw new InvalidOperationException("The trail was opened for reading.");
        var body = AuditChain.Encode(entry);
        await StartAsync();
        if (!_heads.TryGetValue(institution, out var head)) head = await OpenAsync(institution, cancellationToken);
        return await _writer.AppendAsync(head, entry, body);
    }

    public async ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        await FlushAsync(cancellationToken);
        return _database.Read(connection =>
        {
            using var command = connection.CreateCommand();
            var where = "pk=$pk AND seq>$after";
            command.Parameters.AddWithValue("$pk", institution);
            command.Parameters.AddWithValue("$after", query.After);
            command.Parameters.AddWithValue("$limit", query.Limit + 1);
            void Filter(string condition, string name, object? value)
            {
                if (value is null) return;
                where += $" AND {condition}";
                command.Parameters.AddWithValue(name, value);
            }

            if (query.PatientKeys is { } patients)
            {
                // As one JSON parameter: the number of keys merged into one patient has no small bound.
                Filter("patient IN (SELECT value FROM json_each($patients))", "$patients", JsonSerializer.Serialize(patients));
            }

            Filter("study=$study", "$study", query.StudyKey);
            Filter("actor=$actor", "$actor", query.Actor);
            Filter("at>=$from", "$from", query.From?.ToUnixTimeMilliseconds());
            Filter("at<$to", "$to", query.To?.ToUnixTimeMilliseconds());
            command.CommandText = $"SELECT seq, previous, body, hash, mac FROM audit WHERE {where} ORDER BY seq LIMIT $limit";
            var items = new List<AuditEntry>();
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                if (items.Count == query.Limit) return new AuditPage(items, items[^1].Sequence.ToString(CultureInfo.InvariantCulture));
                var row = Row(reader);
                items.Add(new(institution, row.Sequence, Hex(row.Previous), Hex(row.Hash), Hex(row.Mac), AuditChain.Decode(row.Body)));
            }

            return new AuditPage(items, null);
        });
    }

    public async ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken)
    {
        var key = await _secret(institution, AuditChain.KeyPurpose, cancellationToken);
        await FlushAsync(cancellationToken);

        // Anchors before entries: one written meanwhile would name an entry that this snapshot does not have. The journal before the snapshot too: what leaves it goes there.
        var verifier = new ChainVerifier(institution, key, _anchors.Read(institution), expectedHead);
        var waiting = _beside?.Invoke() ?? [];
        return _database.Read(connection =>
        {
            SqliteDatabase.Run(connection, "BEGIN");
            try
            {
                AddStored(connection, verifier, institution, cancellationToken);
                AddWaiting(connection, verifier, institution, waiting);
                return verifier.Complete();
            }
            finally
            {
                SqliteDatabase.Run(connection, "ROLLBACK");
            }
        });
    }

    private static void AddStored(SqliteConnection connection, ChainVerifier verifier, string institution, CancellationToken cancellationToken)
    {
        using var command = connection.Statement("SELECT seq, previous, body, hash, mac, at, patient, study, actor FROM audit WHERE pk=$pk ORDER BY seq");
        command.Parameters.AddWithValue("$pk", institution);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            verifier.Add(Row(reader), Columns(reader));
        }
    }

    /// <summary>What the journal has behind what is in the file: records follow each other without a gap, whichever institution they are of.</summary>
    private static void AddWaiting(SqliteConnection connection, ChainVerifier verifier, string institution, IReadOnlyList<(long Record, byte[] Change)> waiting)
    {
        using var applied = connection.Statement("SELECT sequence FROM applied");
        var next = (long)applied.ExecuteScalar()! + 1;
        foreach (var (record, change) in waiting.Where(item => item.Record >= next))
        {
            if (record != next) verifier.Missing(string.Create(CultureInfo.InvariantCulture, $"records {next} to {record - 1} of the journal are missing"));
            next = record + 1;
            var (owner, body) = ChainWriter.Parse(change);
            if (owner == institution) verifier.AddWaiting(body);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _anchoring;
        if (_writer is not null) await _writer.DisposeAsync();
        foreach (var (institution, head) in _heads) WriteHead(institution, head);
        await _database.DisposeAsync();
        _stop.Dispose();
    }

    /// <summary>With the first use: what a crash has left in the journal goes into the trail. A key that cannot be had now may be there at the next try.</summary>
    private Task StartAsync()
    {
        if (_started is { IsCompletedSuccessfully: true } started) return started;
        lock (_starting)
        {
            if (_started is null or { IsFaulted: true }) _started = _writer!.StartAsync(institution => OpenAsync(institution, CancellationToken.None), CancellationToken.None);
            return _started;
        }
    }

    /// <summary>Until everything that was durable before the call is in the file.</summary>
    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_writer is null) return;
        await StartAsync();
        await _writer.FlushAsync(cancellationToken);
    }

    private static (long Sequence, byte[] Hash) ReadHead(SqliteConnection connection, string institution)
    {
        using var command = connection.Statement("SELECT seq, hash FROM audit WHERE pk=$pk ORDER BY seq DESC LIMIT 1");
        command.Parameters.AddWithValue("$pk", institution);
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)) : (0, AuditChain.Zero.ToArray());
    }

    private static StoredAuditEntry Row(SqliteDataReader reader) => new(
        reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.GetFieldValue<byte[]>(2), reader.GetFieldValue<byte[]>(3), reader.GetFieldValue<byte[]>(4));

    private static AuditColumns Columns(SqliteDataReader reader) => new(
        reader.GetInt64(5), reader.IsDBNull(6) ? null : reader.GetString(6), reader.IsDBNull(7) ? null : reader.GetString(7), reader.IsDBNull(8) ? null : reader.GetString(8));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    /// <summary>First use of a chain since the start: it must reach at least as far as its anchors say.</summary>
    private async ValueTask<ChainHead> OpenAsync(string institution, CancellationToken cancellationToken)
    {
        var key = await _secret(institution, AuditChain.KeyPurpose, cancellationToken);
        var (sequence, hash) = _database.Read(connection => ReadHead(connection, institution));
        var newest = await Task.Run(() => _anchors.Read(institution).Where(a => a.IsGenuine(key)).MaxBy(a => a.Sequence), cancellationToken);
        if (newest is not null && newest.Sequence > sequence && !_heads.ContainsKey(institution))
        {
            // Entries are gone. The anchor that proves it moves to the log, before the new head replaces it.
            Log.AuditTruncated(_log, institution, sequence, newest.Sequence);
            _anchors.Append(newest);
        }

        return _heads.GetOrAdd(institution, new ChainHead(institution, sequence, hash, key));
    }

    private async Task AnchorLoopAsync()
    {
        var lastLog = _time.GetUtcNow();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(HeadDelay, _time, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var log = _time.GetUtcNow() - lastLog >= AnchorEvery;
            if (log) lastLog = _time.GetUtcNow();
            foreach (var (institution, head) in _heads)
            {
                try
                {
                    WriteHead(institution, head);
                    if (log && head.TakeForLog(out var anchored)) AppendAnchor(institution, anchored);
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    // The trail itself is intact; the anchor is retried in a second, and the operator hears of it.
                    Log.AuditAnchorFailed(_log, institution, error.GetType().Name);
                }
            }
        }
    }

    private void WriteHead(string institution, ChainHead head)
    {
        if (head.TakeForFile(out var current)) _anchors.WriteHead(AuditAnchor.Of(institution, current.Sequence, current.Hash, _time.GetUtcNow(), current.Key));
    }

    private void AppendAnchor(string institution, (long Sequence, byte[] Hash, byte[] Key) head)
    {
        _anchors.Append(AuditAnchor.Of(institution, head.Sequence, head.Hash, _time.GetUtcNow(), head.Key));

        // In the log as well: whoever ships logs off the host has the anchor off the host.
        Log.AuditHead(_log, institution, head.Sequence, Convert.ToHexStringLower(head.Hash));
    }
}
