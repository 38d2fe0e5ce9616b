using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// <see cref="ICatalog"/> in <c>catalog.db</c>. Behind the edge's journal the file is opened with <see cref="SqliteDurability.Journaled"/>, and
/// <see cref="ReplayAsync"/> brings it up to date after a crash; on its own it needs <see cref="SqliteDurability.Full"/>.
/// </summary>
public sealed class SqliteCatalog(SqliteDatabase database) : ICatalog
{
    public static string Schema => CatalogSchema.Sql;

    public ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        GetAsync("s.pk=$pk AND s.uid=$id AND s.provisional=0", institution, studyInstanceUid, cancellationToken);

    public ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        GetAsync("s.pk=$pk AND s.id=$id", institution, studyKey, cancellationToken);

    public ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sopInstanceUids.Count, 1000);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(database.Read(connection => InstanceRows.Find(connection, institution, sopInstanceUids)));
    }

    public ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(database.Read(connection => InstanceRows.List(connection, institution, after, limit)));
    }

    public ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(database.Read<IReadOnlyList<string>>(connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT id FROM studies WHERE pk=$pk AND id>$after ORDER BY id LIMIT $limit";
            command.Parameters.AddWithValue("$pk", institution);
            command.Parameters.AddWithValue("$after", after);
            command.Parameters.AddWithValue("$limit", limit);
            using var reader = command.ExecuteReader();
            var keys = new List<string>();
            while (reader.Read()) keys.Add(reader.GetString(0));
            return keys;
        }));
    }

    public ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return ValueTask.FromResult(database.Read(connection => new StudySearch(connection, institution, query).Run(limit, offset, continuation, cancellationToken)));
    }

    public ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read<IReadOnlyList<StudyReference>>(connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = due == StudyDue.Events
                ? "SELECT pk, id FROM studies WHERE outbox > 0 ORDER BY n LIMIT $limit"
                : "SELECT pk, id FROM studies WHERE due <= $now ORDER BY due LIMIT $limit";
            command.Parameters.AddWithValue("$limit", limit);
            command.Parameters.AddWithValue("$now", now.ToUnixTimeMilliseconds());
            using var reader = command.ExecuteReader();
            var found = new List<StudyReference>();
            while (reader.Read()) found.Add(new StudyReference(reader.GetString(0), reader.GetString(1)));
            return found;
        }));

    public async ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken)
    {
        var body = Serialize(change.Document);
        await database.WriteAsync(
            connection =>
            {
                var (n, revision) = Find(connection, change.Document.Institution, change.Document.StudyKey);
                var expected = change.ExpectedETag is null ? 0 : long.Parse(change.ExpectedETag, CultureInfo.InvariantCulture);
                if (revision != expected) throw new DocumentConflictException(new DocumentKey(change.Document.Institution, "study", change.Document.StudyKey));
                Write(connection, n, change, body);
                return true;
            },
            cancellationToken);
    }

    public async ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        await database.WriteAsync(
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
    /// Applies a change that a journal has already made durable, and whose ETag was checked then. Applying it again, or an older change after a
    /// newer one, does nothing: a document's revisions are its own sequence.
    /// </summary>
    /// <param name="sequence">The record's number, remembered with the change so that a start replays only what is missing.</param>
    public Task ReplayAsync(StudyChange change, long sequence, CancellationToken cancellationToken)
    {
        var body = Serialize(change.Document);
        return database.WriteAsync(
            connection =>
            {
                using (var applied = connection.Statement("UPDATE applied SET sequence=max(sequence,$sequence)"))
                {
                    applied.Parameters.AddWithValue("$sequence", sequence);
                    applied.ExecuteNonQuery();
                }

                var (n, revision) = Find(connection, change.Document.Institution, change.Document.StudyKey);
                if (revision >= change.Document.Revision) return false;
                Write(connection, n, change, body);
                return true;
            },
            cancellationToken);
    }

    /// <summary>The last journal record applied; 0 for none. All before it are applied too: they come in order, and a crash loses only the newest.</summary>
    public long AppliedSequence() => database.Read(connection =>
    {
        using var command = connection.Statement("SELECT sequence FROM applied");
        return (long)command.ExecuteScalar()!;
    });

    /// <summary>The stored document's ETag; null when there is none.</summary>
    internal string? ETagOf(string institution, string studyKey) => database.Read(connection =>
    {
        using var command = connection.Statement("SELECT revision FROM studies WHERE pk=$pk AND id=$id");
        command.Parameters.AddWithValue("$pk", institution);
        command.Parameters.AddWithValue("$id", studyKey);
        return (command.ExecuteScalar() as long?)?.ToString(CultureInfo.InvariantCulture);
    });

    /// <summary>Throws for a document that the catalog would not take, before a journal makes it durable.</summary>
    internal static void CheckSize(StudyDocument study) => Serialize(study);

    /// <summary>Makes everything applied so far durable, so that a journal may forget it.</summary>
    public Task CheckpointAsync(CancellationToken cancellationToken) => database.CheckpointAsync(cancellationToken);

    private ValueTask<Stored<StudyDocument>?> GetAsync(string where, string institution, string id, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(database.Read(connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"SELECT b.body FROM studies s JOIN bodies b ON b.n=s.n WHERE {where}";
            command.Parameters.AddWithValue("$pk", institution);
            command.Parameters.AddWithValue("$id", id);
            if (command.ExecuteScalar() is not byte[] body) return null;
            var study = JsonSerializer.Deserialize<StudyDocument>(body, DocumentJson.Options) ?? throw new InvalidDataException("A stored study document is empty.");
            return new Stored<StudyDocument>(study.StudyKey, study.ETag(), study);
        }));
    }

    private static byte[] Serialize(StudyDocument study)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(study, DocumentJson.Options);
        return body.Length <= StudyDocument.MaxBytes
            ? body
            : throw new InvalidOperationException($"A study document has {body.Length} bytes; at most {StudyDocument.MaxBytes} are allowed.");
    }

    private static (long? N, long Revision) Find(SqliteConnection connection, string institution, string studyKey)
    {
        using var command = connection.Statement("SELECT n, revision FROM studies WHERE pk=$pk AND id=$id");
        command.Parameters.AddWithValue("$pk", institution);
        command.Parameters.AddWithValue("$id", studyKey);
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetInt64(1)) : (null, 0);
    }

    private static void Write(SqliteConnection connection, long? known, StudyChange change, byte[] body)
    {
        var study = change.Document;
        long n;
        using (var put = connection.CreateCommand())
        {
            put.CommandText = known is null
                ? "INSERT INTO studies(n,pk,id,uid,revision,provisional,outbox,due,summary) SELECT max(next, coalesce((SELECT max(n)+1 FROM studies),1)),$pk,$id,$uid,$revision,$provisional,$outbox,$due,$summary FROM numbers RETURNING n"
                : "UPDATE studies SET revision=$revision, provisional=$provisional, outbox=$outbox, due=$due, summary=$summary WHERE n=$n RETURNING n";
            put.Parameters.AddWithValue("$n", known ?? 0);
            put.Parameters.AddWithValue("$pk", study.Institution);
            put.Parameters.AddWithValue("$id", study.StudyKey);
            put.Parameters.AddWithValue("$uid", study.StudyInstanceUid);
            put.Parameters.AddWithValue("$revision", study.Revision);
            put.Parameters.AddWithValue("$provisional", study.ProvisionalOf is null ? 0 : 1);
            put.Parameters.AddWithValue("$outbox", study.Outbox.Count);
            put.Parameters.AddWithValue("$due", (object?)DueAt(study)?.ToUnixTimeMilliseconds() ?? DBNull.Value);
            put.Parameters.AddWithValue("$summary", JsonSerializer.SerializeToUtf8Bytes(StudySummary.Of(study), DocumentJson.Options));
            n = (long)put.ExecuteScalar()!;
        }

        using (var put = connection.Statement("INSERT INTO bodies VALUES($n,$body) ON CONFLICT DO UPDATE SET body=$body"))
        {
            put.Parameters.AddWithValue("$n", n);
            put.Parameters.AddWithValue("$body", body);
            put.ExecuteNonQuery();
        }

        StudyTerms.Write(connection, n, study);
        InstanceRows.Write(connection, n, study, change.Rows);
    }

    private static DateTimeOffset? DueAt(StudyDocument study) => study.ProvisionalOf is not null || study.Hidden
        ? null
        : study.State switch
        {
            StudyState.Receiving => study.Sources.Count == 0 ? study.ReceivedAt : study.Sources.Max(source => source.QuietAt),
            StudyState.Quiet => study.ReceivedAt,
            _ => null,
        };
}
