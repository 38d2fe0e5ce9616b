using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// <see cref="ICatalog"/> in <c>catalog.db</c>. Behind the edge's journal the file is opened with <see cref="SqliteDurability.Journaled"/>, takes changes
/// from <see cref="TakeAsync"/> in groups, and <see cref="ReplayAsync"/> brings it up to date after a crash; on its own it needs
/// <see cref="SqliteDurability.Full"/>. Documents and index rows are answered as they are at the moment of asking, searches from the file, which first
/// takes what waits.
/// </summary>
public sealed class SqliteCatalog : ICatalog
{
    private readonly SqliteDatabase _database;
    private readonly PendingChanges _pending;
    private readonly StudyCache _cache = new();
    private readonly SummaryCache _summaries = new();

    /// <param name="time">Clock by which journaled changes are gathered for a moment; null to write each at once.</param>
    public SqliteCatalog(SqliteDatabase database, TimeProvider? time = null)
    {
        _database = database;
        _pending = new PendingChanges(WriteAsync, time);
    }

    public static string Schema => CatalogSchema.Sql;

    /// <summary>Whether a file is a catalog, or a copy of one. It is only looked at.</summary>
    public static bool IsIn(string path) => CatalogSchema.IsIn(path);

    internal SearchLimits Limits { get; init; } = new();

    public ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        _cache.GetByUid(institution, studyInstanceUid) is { } cached ? ValueTask.FromResult<Stored<StudyDocument>?>(Stored(cached)) : LoadByUidAsync(institution, studyInstanceUid, cancellationToken);

    public ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Find(institution, studyKey) is { } study ? Stored(study) : null);
    }

    public ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sopInstanceUids.Count, 1000);
        cancellationToken.ThrowIfCancellationRequested();
        // What waits first: a row that is written in between is then seen twice, not missed.
        var pending = _pending.Rows(institution, sopInstanceUids);
        var stored = _database.Read(connection => InstanceRows.Find(connection, institution, sopInstanceUids));
        return ValueTask.FromResult(pending is null ? stored : InstanceRows.Merge(stored, pending));
    }

    public async ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        await _pending.FlushAsync(cancellationToken);
        return _database.Read(connection => InstanceRows.List(connection, institution, after, limit));
    }

    public async ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        await _pending.FlushAsync(cancellationToken);
        return _database.Read<IReadOnlyList<string>>(connection =>
        {
            using var command = connection.Statement("SELECT id FROM studies WHERE pk=$pk AND id>$after ORDER BY id LIMIT $limit");
            command.Parameters.AddWithValue("$pk", institution);
            command.Parameters.AddWithValue("$after", after);
            command.Parameters.AddWithValue("$limit", limit);
            using var reader = command.ExecuteReader();
            var keys = new List<string>();
            while (reader.Read()) keys.Add(reader.GetString(0));
            return keys;
        });
    }

    public async ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        await _pending.FlushAsync(cancellationToken);
        return _database.Read(connection => new StudySearch(connection, _summaries, Limits, institution, query).Run(limit, offset, continuation, cancellationToken));
    }

    public async ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        await _pending.FlushAsync(cancellationToken);
        return _database.Read<IReadOnlyList<StudyReference>>(connection =>
        {
            using var command = connection.Statement(due == StudyDue.Events
                ? "SELECT pk, id FROM studies WHERE outbox > 0 ORDER BY n LIMIT $limit"
                : "SELECT pk, id FROM studies WHERE due <= $now ORDER BY due LIMIT $limit");
            command.Parameters.AddWithValue("$limit", limit);
            command.Parameters.AddWithValue("$now", now.ToUnixTimeMilliseconds());
            using var reader = command.ExecuteReader();
            var found = new List<StudyReference>();
            while (reader.Read()) found.Add(new StudyReference(reader.GetString(0), reader.GetString(1)));
            return found;
        });
    }

    public async ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken)
    {
        var study = change.Document;
        var body = Serialize(study);
        await _pending.FlushAsync(cancellationToken);
        try
        {
            await _database.WriteAsync(
                connection =>
                {
                    var (n, revision) = Find(connection, study.Institution, study.StudyKey);
                    var expected = change.ExpectedETag is null ? 0 : long.Parse(change.ExpectedETag, CultureInfo.InvariantCulture);
                    if (revision != expected) throw new DocumentConflictException(new DocumentKey(study.Institution, "study", study.StudyKey));
                    Write(connection, n, study, body, change.Rows);
                    return true;
                },
                cancellationToken);
        }
        finally
        {
            _cache.Remove(study.Institution, study.StudyKey);
        }
    }

    public async ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        await _pending.FlushAsync(cancellationToken);
        try
        {
            return await RemoveNowAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);
        }
        finally
        {
            _cache.Remove(institution, studyKey);
        }
    }

    private Task<bool> RemoveNowAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        _database.WriteAsync(
            connection =>
            {
                if (Find(connection, institution, studyKey) is not ({ } n, var revision)) return false;
                if (revision != long.Parse(etag, CultureInfo.InvariantCulture)) throw new DocumentConflictException(new DocumentKey(institution, "study", studyKey));
                StudyTerms.Remove(connection, institution, n);
                InstanceRows.Remove(connection, institution, n, sopInstanceUids);
                using var delete = connection.CreateCommand();
                // A number is never given again, so that a row left over can never come to belong to another study.
                delete.CommandText = """
                    UPDATE numbers SET next=max(next, (SELECT max(n)+1 FROM studies));
                    DELETE FROM series WHERE n=$n;
                    DELETE FROM bodies WHERE n=$n;
                    DELETE FROM studies WHERE n=$n;
                    """;
                delete.Parameters.AddWithValue("$n", n);
                delete.ExecuteNonQuery();

                return true;
            },
            cancellationToken);

    /// <summary>
    /// Takes a change that a journal has already made durable, and whose ETag was checked then. From here on every read sees it; the file takes it with
    /// others a moment later.
    /// </summary>
    /// <param name="sequence">The record's number, remembered with the change so that a start replays only what is missing. Calls come in order of it.</param>
    /// <param name="body">The document in its stored form.</param>
    internal ValueTask TakeAsync(StudyChange change, byte[] body, long sequence)
    {
        var added = _pending.AddAsync(sequence, change, body);
        _cache.Set(change.Document);
        return added;
    }

    /// <summary>
    /// Applies a change out of a journal at a start. Applying it again, or an older change after a newer one, does nothing: a document's revisions are its
    /// own sequence.
    /// </summary>
    /// <param name="sequence">As for <see cref="TakeAsync"/>.</param>
    public async Task ReplayAsync(StudyChange change, long sequence, CancellationToken cancellationToken)
    {
        await _pending.AddAsync(sequence, change, Serialize(change.Document));
        _cache.Remove(change.Document.Institution, change.Document.StudyKey);
    }

    /// <summary>
    /// Takes many new studies in one transaction, much faster than one by one: their terms are sorted first, so that every page of an index is written once.
    /// For a catalog that is filled, not one that is used: searches wait for nothing, but see nothing of it before the end.
    /// </summary>
    /// <param name="studies">Studies that the catalog does not have, without instances; asked for on the writer's thread.</param>
    public async Task LoadAsync(IEnumerable<StudyDocument> studies, CancellationToken cancellationToken)
    {
        await _pending.FlushAsync(cancellationToken);
        await _database.WriteAsync(
            connection =>
            {
                using var load = new CatalogLoad(connection);
                foreach (var (study, body, terms) in studies.AsParallel().AsOrdered().Select(study => (study, Serialize(study), StudyTerms.Of(study))))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    load.Add(WriteRow(connection, null, study, body), study, terms);
                }

                load.Complete();
                return true;
            },
            cancellationToken);
    }

    /// <summary>
    /// Rewrites the terms of all studies where the file was written by a version that knew fewer kinds. Before the first search; a crash begins it again.
    /// </summary>
    public Task RenewTermsAsync(CancellationToken cancellationToken) => _database.WriteAsync(
        connection =>
        {
            using (var version = connection.Raw("PRAGMA user_version"))
            {
                version.Step();
                if (version.Int64(0) >= CatalogSchema.TermsVersion) return false;
            }

            using (var load = new CatalogLoad(connection))
            {
                load.Clear();
                using var all = connection.Raw("SELECT n, body FROM bodies ORDER BY n");
                while (all.Step())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var study = JsonSerializer.Deserialize<StudyDocument>(all.Blob(1), DocumentJson.Options) ?? throw new InvalidDataException("A stored study document is empty.");
                    load.Add(all.Int64(0), study, StudyTerms.Of(study));
                }

                load.Complete();
            }

            SqliteDatabase.Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={CatalogSchema.TermsVersion}"));
            return true;
        },
        cancellationToken);

    /// <summary>Set while the file has no room for what was taken: nothing more should be committed until it has.</summary>
    internal Archive.Objects.StorageFullException? Full => _pending.Full;

    /// <summary>Waits until the file has everything that was taken.</summary>
    /// <exception cref="Archive.Objects.StorageFullException">It has no room; it is tried again.</exception>
    public ValueTask FlushAsync(CancellationToken cancellationToken) => _pending.FlushAsync(cancellationToken);

    /// <summary>The last journal record applied; 0 for none. All before it are applied too: they come in order, and a crash loses only the newest.</summary>
    public long AppliedSequence() => _database.Read(connection =>
    {
        using var command = connection.Statement("SELECT sequence FROM applied");
        return (long)command.ExecuteScalar()!;
    });

    /// <summary>The document's ETag as it is now; null when there is none.</summary>
    internal string? ETagOf(string institution, string studyKey) =>
        (_cache.Get(institution, studyKey) ?? _pending.Find(institution, studyKey))?.ETag() ?? _database.Read(connection =>
            Find(connection, institution, studyKey) is ({ }, var revision) ? revision.ToString(CultureInfo.InvariantCulture) : null);

    /// <summary>Makes everything applied so far durable, so that a journal may forget it.</summary>
    public Task CheckpointAsync(CancellationToken cancellationToken) => CheckpointAsync(0, cancellationToken);

    /// <param name="sequence">The last journal record that is to be forgotten.</param>
    /// <inheritdoc cref="CheckpointAsync(CancellationToken)"/>
    internal async Task CheckpointAsync(long sequence, CancellationToken cancellationToken)
    {
        await _pending.FlushAsync(cancellationToken);
        await SkipAsync(sequence);
        await _database.CheckpointAsync(cancellationToken);
    }

    /// <summary>Records that nothing up to a journal record is missing: what has not been applied by now was no change, or lies before this catalog was made.</summary>
    internal Task SkipAsync(long sequence) => sequence > AppliedSequence() ? WriteAsync([], sequence) : Task.CompletedTask;

    private static Stored<StudyDocument> Stored(StudyDocument study) => new(study.StudyKey, study.ETag(), study);

    private StudyDocument? Find(string institution, string studyKey)
    {
        var version = _cache.Version;
        if ((_cache.Get(institution, studyKey) ?? _pending.Find(institution, studyKey)) is { } known) return known;
        return Load("SELECT b.body FROM studies s JOIN bodies b ON b.n=s.n WHERE s.pk=? AND s.id=?", institution, studyKey, version);
    }

    private async ValueTask<Stored<StudyDocument>?> LoadByUidAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken)
    {
        // Pending documents are in the cache by their UID; one that is not any more may still wait to be written.
        var version = _cache.Version;
        await _pending.FlushAsync(cancellationToken);
        var study = Load("SELECT b.body FROM studies s JOIN bodies b ON b.n=s.n WHERE s.pk=? AND s.uid=? AND s.provisional=0", institution, studyInstanceUid, version);
        return study is null ? null : Stored(study);
    }

    /// <param name="version">Of the cache, before what waits was looked through: whatever has changed since keeps the result out of the cache.</param>
    private StudyDocument? Load(string sql, string institution, string id, long version)
    {
        var study = _database.Read(connection =>
        {
            using var row = connection.Raw(sql);
            row.Bind(1, institution);
            row.Bind(2, id);
            return row.Step()
                ? JsonSerializer.Deserialize<StudyDocument>(row.Blob(0), DocumentJson.Options) ?? throw new InvalidDataException("A stored study document is empty.")
                : null;
        });
        if (study is not null) _cache.Fill(study, version);
        return study;
    }

    private Task<bool> WriteAsync(IReadOnlyCollection<PendingStudy> studies, long sequence) => _database.WriteAsync(
        connection =>
        {
            using (var applied = connection.Statement("UPDATE applied SET sequence=max(sequence,$sequence)"))
            {
                applied.Parameters.AddWithValue("$sequence", sequence);
                applied.ExecuteNonQuery();
            }

            foreach (var pending in studies)
            {
                var (n, revision) = Find(connection, pending.Document.Institution, pending.Document.StudyKey);
                if (revision < pending.Document.Revision) Write(connection, n, pending.Document, pending.Body, pending.Rows);
            }

            return true;
        },
        CancellationToken.None);

    /// <exception cref="InvalidOperationException">The document is larger than the catalog takes.</exception>
    internal static byte[] Serialize(StudyDocument study)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(study, DocumentJson.Options);
        return body.Length <= StudyDocument.MaxBytes
            ? body
            : throw new InvalidOperationException($"A study document has {body.Length} bytes; at most {StudyDocument.MaxBytes} are allowed.");
    }

    private static (long? N, long Revision) Find(SqliteConnection connection, string institution, string studyKey)
    {
        using var row = connection.Raw("SELECT n, revision FROM studies WHERE pk=? AND id=?");
        row.Bind(1, institution);
        row.Bind(2, studyKey);
        return row.Step() ? (row.Int64(0), row.Int64(1)) : (null, 0);
    }

    private static void Write(SqliteConnection connection, long? known, StudyDocument study, byte[] body, IReadOnlyList<InstanceIndexRow> rows)
    {
        var n = WriteRow(connection, known, study, body);
        StudyTerms.Write(connection, n, study);
        InstanceRows.Write(connection, n, study, rows);
    }

    /// <summary>The study without its terms and instances.</summary>
    /// <returns>Its number.</returns>
    internal static long WriteRow(SqliteConnection connection, long? known, StudyDocument study, byte[] body)
    {
        long n;
        using (var put = connection.Statement(known is null
                ? "INSERT INTO studies(n,pk,id,uid,revision,provisional,outbox,due,summary) SELECT max(next, coalesce((SELECT max(n)+1 FROM studies),1)),$pk,$id,$uid,$revision,$provisional,$outbox,$due,$summary FROM numbers RETURNING n"
                : "UPDATE studies SET revision=$revision, provisional=$provisional, outbox=$outbox, due=$due, summary=$summary WHERE n=$n RETURNING n"))
        {
            put.Parameters.AddWithValue("$n", known ?? 0);
            put.Parameters.AddWithValue("$pk", study.Institution);
            put.Parameters.AddWithValue("$id", study.StudyKey);
            put.Parameters.AddWithValue("$uid", study.StudyInstanceUid);
            put.Parameters.AddWithValue("$revision", study.Revision);
            put.Parameters.AddWithValue("$provisional", study.ProvisionalOf is null ? 0 : 1);
            put.Parameters.AddWithValue("$outbox", study.Outbox.Count);
            put.Parameters.AddWithValue("$due", (object?)StudyStates.DueAt(study)?.ToUnixTimeMilliseconds() ?? DBNull.Value);
            put.Parameters.AddWithValue("$summary", JsonSerializer.SerializeToUtf8Bytes(StudySummary.Of(study), DocumentJson.Options));
            n = (long)put.ExecuteScalar()!;
        }

        using (var put = connection.Statement("INSERT INTO bodies VALUES($n,$body) ON CONFLICT DO UPDATE SET body=$body"))
        {
            put.Parameters.AddWithValue("$n", n);
            put.Parameters.AddWithValue("$body", body);
            put.ExecuteNonQuery();
        }

        return n;
    }
}
