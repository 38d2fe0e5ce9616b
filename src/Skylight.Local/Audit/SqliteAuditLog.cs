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
/// <see cref="IAuditLog"/> in one SQLite file of its own. Entries that arrive together share one transaction and one fsync and still get consecutive
/// sequences. Owns the database that it is given.
/// </summary>
public sealed class SqliteAuditLog : IAuditLog, IAsyncDisposable
{
    /// <remarks>
    /// Nothing is ever erased here, only moved: overwriting what <c>audit_recent</c> leaves behind would write every entry twice more.
    /// </remarks>
    public const string Schema = """
        PRAGMA secure_delete=OFF;
        CREATE TABLE IF NOT EXISTS audit(pk TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, patient TEXT, study TEXT, actor TEXT,
          previous BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL, PRIMARY KEY(pk, seq)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS audit_by_patient ON audit(pk, patient, seq) WHERE patient IS NOT NULL;
        CREATE INDEX IF NOT EXISTS audit_by_study ON audit(pk, study, seq) WHERE study IS NOT NULL;
        CREATE INDEX IF NOT EXISTS audit_by_actor ON audit(pk, actor, seq) WHERE actor IS NOT NULL;
        CREATE TABLE IF NOT EXISTS audit_recent(pk TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, patient TEXT, study TEXT, actor TEXT,
          previous BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL);
        CREATE VIEW IF NOT EXISTS trail AS SELECT * FROM audit UNION ALL SELECT * FROM audit_recent;
        """;

    private static readonly TimeSpan HeadDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnchorEvery = TimeSpan.FromMinutes(10);

    private readonly SqliteDatabase _database;
    private readonly ChainWriter _writer;
    private readonly AnchorFiles _anchors;
    private readonly InstitutionSecret _secret;
    private readonly TimeProvider _time;
    private readonly ILogger<SqliteAuditLog> _log;
    private readonly ConcurrentDictionary<string, ChainHead> _heads = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _anchoring;

    public SqliteAuditLog(SqliteDatabase database, AnchorFiles anchors, InstitutionSecret secret, TimeProvider time, ILogger<SqliteAuditLog> log)
    {
        (_database, _anchors, _secret, _time, _log) = (database, anchors, secret, time, log);
        _writer = new ChainWriter(database);
        _anchoring = AnchorLoopAsync();
    }

    public async ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var body = AuditChain.Encode(entry);
        if (!_heads.TryGetValue(institution, out var head)) head = await OpenAsync(institution, cancellationToken);

        // Not cancellable past this point: the entry may already be in a transaction, and its outcome must be known.
        return await _writer.AppendAsync(head, entry, body);
    }

    public ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(_database.Read(connection =>
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
            command.CommandText = $"SELECT seq, previous, body, hash, mac FROM trail WHERE {where} ORDER BY seq LIMIT $limit";
            var items = new List<AuditEntry>();
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                if (items.Count == query.Limit) return new AuditPage(items, items[^1].Sequence.ToString(CultureInfo.InvariantCulture));
                var row = Row(reader);
                items.Add(new(institution, row.Sequence, Hex(row.Previous), Hex(row.Hash), Hex(row.Mac), AuditChain.Decode(row.Body)));
            }

            return new AuditPage(items, null);
        }));
    }

    public async ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken)
    {
        var key = await _secret(institution, AuditChain.KeyPurpose, cancellationToken);

        // Anchors before entries: one written meanwhile would name an entry that this snapshot does not have.
        var verifier = new ChainVerifier(institution, key, _anchors.Read(institution), expectedHead);
        return _database.Read(connection =>
        {
            using var command = connection.Statement("SELECT seq, previous, body, hash, mac, at, patient, study, actor FROM trail WHERE pk=$pk ORDER BY seq");
            command.Parameters.AddWithValue("$pk", institution);
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                var row = Row(reader);
                verifier.Add(row, Columns(reader));
            }

            return verifier.Complete();
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _anchoring;
        foreach (var (institution, head) in _heads) WriteHead(institution, head);
        await _writer.CompleteAsync();
        await _database.DisposeAsync();
        _stop.Dispose();
    }

    private static (long Sequence, byte[] Hash) ReadHead(SqliteConnection connection, string institution)
    {
        using var command = connection.Statement("SELECT seq, hash FROM trail WHERE pk=$pk ORDER BY seq DESC LIMIT 1");
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
