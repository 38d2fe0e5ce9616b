using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Documents;

namespace Skylight.Local.Sqlite;

/// <summary><see cref="IDocuments"/> in one SQLite table. The ETag is a per-document counter that never repeats, deletions included.</summary>
/// <remarks>Documents that nearly every request reads are kept in memory; the host owns the file alone, so nobody else changes them.</remarks>
public sealed class SqliteDocuments(SqliteDatabase database) : IDocuments
{
    private readonly DocumentCache _cache = new();

    public const string Schema = """
        CREATE TABLE IF NOT EXISTS documents(pk TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, etag INTEGER NOT NULL, body BLOB NOT NULL,
          PRIMARY KEY(pk, type, id)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS terms(pk TEXT NOT NULL, type TEXT NOT NULL, term TEXT NOT NULL, id TEXT NOT NULL,
          PRIMARY KEY(pk, type, term, id)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS terms_by_document ON terms(pk, type, id);
        CREATE TABLE IF NOT EXISTS versions(one INTEGER PRIMARY KEY CHECK(one = 1), next INTEGER NOT NULL);
        INSERT OR IGNORE INTO versions VALUES(1, 1);
        """;

    private const int MaxBytes = 256 * 1024;

    public ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_cache.Get(key) is Stored<T> cached) return ValueTask.FromResult<Stored<T>?>(cached);
        var version = _cache.Version;
        var found = database.Read(connection =>
        {
            using var row = connection.Raw("SELECT id, etag, body FROM documents WHERE pk=? AND type=? AND id=?");
            row.Bind(1, key.Pk);
            row.Bind(2, key.Type);
            row.Bind(3, key.Id);
            return row.Step() ? Row<T>(row) : null;
        });
        if (found is not null) _cache.Fill(key, found, version);
        return ValueTask.FromResult(found);
    }

    public async ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, DocumentJson.Options);
        if (body.Length > MaxBytes) throw new InvalidOperationException($"A document of type '{key.Type}' has {body.Length} bytes; at most {MaxBytes} are allowed.");
        var etag = await database.WriteAsync(
            connection =>
            {
                Check(connection, key, match);
                var next = Next(connection);
                using (var put = Command(connection, "INSERT INTO documents VALUES($pk,$type,$id,$etag,$body) ON CONFLICT DO UPDATE SET etag=$etag, body=$body", key.Pk, key.Type))
                {
                    put.Parameters.AddWithValue("$id", key.Id);
                    put.Parameters.AddWithValue("$etag", next);
                    put.Parameters.AddWithValue("$body", body);
                    put.ExecuteNonQuery();
                }

                DropTerms(connection, key);
                foreach (var term in terms.Distinct(StringComparer.Ordinal))
                {
                    using var add = Command(connection, "INSERT INTO terms VALUES($pk,$type,$term,$id)", key.Pk, key.Type);
                    add.Parameters.AddWithValue("$term", term);
                    add.Parameters.AddWithValue("$id", key.Id);
                    add.ExecuteNonQuery();
                }

                return next;
            },
            cancellationToken);
        _cache.Drop(key);
        return etag.ToString(CultureInfo.InvariantCulture);
    }

    public async ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken)
    {
        var deleted = await database.WriteAsync(
            connection =>
            {
                if (match.Kind == MatchKind.Version) Check(connection, key, match);
                DropTerms(connection, key);
                using var delete = Command(connection, "DELETE FROM documents WHERE pk=$pk AND type=$type AND id=$id", key.Pk, key.Type);
                delete.Parameters.AddWithValue("$id", key.Id);
                return delete.ExecuteNonQuery() > 0;
            },
            cancellationToken);
        _cache.Drop(key);
        return deleted;
    }

    public ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        cancellationToken.ThrowIfCancellationRequested();
        if (term is null || continuation is not null) return ValueTask.FromResult(List<T>(pk, type, term, limit, continuation));
        if (_cache.GetList(pk, type, term) is DocumentPage<T> cached && cached.Items.Count <= limit) return ValueTask.FromResult(cached);
        var version = _cache.Version;
        var page = List<T>(pk, type, term, limit, null);
        _cache.FillList(pk, type, term, page, version);
        return ValueTask.FromResult(page);
    }

    private DocumentPage<T> List<T>(string pk, string type, string? term, int limit, string? continuation) where T : class =>
        database.Read(connection =>
        {
            // A command whose reader is left before its end is compiled again; a page that is not the last always is.
            using var rows = connection.Raw(term is null
                ? "SELECT id, etag, body FROM documents WHERE pk=? AND type=? AND id>? ORDER BY id LIMIT ?"
                : "SELECT d.id, d.etag, d.body FROM terms t JOIN documents d ON d.pk=t.pk AND d.type=t.type AND d.id=t.id WHERE t.pk=? AND t.type=? AND t.id>? AND t.term=? ORDER BY t.id LIMIT ?");
            rows.Bind(1, pk);
            rows.Bind(2, type);
            rows.Bind(3, continuation ?? "");
            if (term is not null) rows.Bind(4, term);
            rows.Bind(term is null ? 4 : 5, limit + 1L);
            var items = new List<Stored<T>>();
            while (rows.Step())
            {
                if (items.Count == limit) return new DocumentPage<T>(items, items[^1].Id);
                items.Add(Row<T>(rows));
            }

            return new DocumentPage<T>(items, null);
        });

    private static Stored<T> Row<T>(RawStatement row) where T : class =>
        new(
            row.Text(0),
            row.Int64(1).ToString(CultureInfo.InvariantCulture),
            JsonSerializer.Deserialize<T>(row.Blob(2), DocumentJson.Options)
                ?? throw new InvalidDataException("A stored document is empty."));

    private static void Check(SqliteConnection connection, DocumentKey key, Match match)
    {
        if (match.Kind == MatchKind.Any) return;
        using var command = Command(connection, "SELECT etag FROM documents WHERE pk=$pk AND type=$type AND id=$id", key.Pk, key.Type);
        command.Parameters.AddWithValue("$id", key.Id);
        var current = (command.ExecuteScalar() as long?)?.ToString(CultureInfo.InvariantCulture);
        if (match.Kind == MatchKind.None ? current is not null : current != match.ETag) throw new DocumentConflictException(key);
    }

    private static long Next(SqliteConnection connection)
    {
        using var command = connection.Statement("UPDATE versions SET next = next + 1 RETURNING next");
        return (long)command.ExecuteScalar()!;
    }

    private static void DropTerms(SqliteConnection connection, DocumentKey key)
    {
        using var command = Command(connection, "DELETE FROM terms WHERE pk=$pk AND type=$type AND id=$id", key.Pk, key.Type);
        command.Parameters.AddWithValue("$id", key.Id);
        command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, string pk, string type)
    {
        var command = connection.Statement(sql);
        command.Parameters.AddWithValue("$pk", pk);
        command.Parameters.AddWithValue("$type", type);
        return command;
    }
}
