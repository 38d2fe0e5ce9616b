using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Edge.Blobs;

/// <summary>One stored piece of a blob: a block, or the body of a Put Blob.</summary>
/// <param name="BlockId">Canonical base64; empty for a Put Blob.</param>
/// <param name="Object">Name of the sealed object; null for a piece without bytes.</param>
internal sealed record BlobPart(string BlockId, string? Object, long Length);

/// <summary>A committed blob without its parts.</summary>
internal sealed record BlobRow(string Name, string ETag, long Length, DateTimeOffset Modified, BlobHeaders Headers);

/// <summary>What a client may give a blob besides its bytes.</summary>
internal sealed record BlobHeaders(string ContentType, byte[]? Md5, IReadOnlyDictionary<string, string> Metadata)
{
    public static readonly BlobHeaders None = new("application/octet-stream", null, new Dictionary<string, string>());
}

internal sealed record BlockRow(string Id, string? Object, long Length);

/// <summary>A blob-created event that is not yet handed over.</summary>
internal sealed record BlobCreated(long Sequence, string Container, string Name, string ETag, long Length, string ContentType, string RequestId, string Api, DateTimeOffset Time);

/// <summary>What a write needs besides the bytes, decided inside its transaction.</summary>
internal sealed record BlobWrite(string Container, string Blob, SasGrant Grant, BlobConditions Conditions, BlobHeaders Headers, string ETag, DateTimeOffset Now, string RequestId);

/// <summary>
/// Containers, blobs, blocks and pending events in one SQLite file; every write is one durable transaction, in which the stored access policy
/// and the conditions are checked again, so that revocation holds from its commit on. Answers of writes are the objects that nothing refers to any more.
/// </summary>
internal sealed class BlobTable(SqliteDatabase database)
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS containers(name TEXT NOT NULL PRIMARY KEY, policy TEXT) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS blobs(container TEXT NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL, length INTEGER NOT NULL, modified INTEGER NOT NULL,
          type TEXT NOT NULL, md5 BLOB, metadata TEXT, PRIMARY KEY(container, name)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS parts(container TEXT NOT NULL, blob TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, object TEXT, length INTEGER NOT NULL,
          PRIMARY KEY(container, blob, seq)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS blocks(container TEXT NOT NULL, blob TEXT NOT NULL, id TEXT NOT NULL, object TEXT, length INTEGER NOT NULL,
          PRIMARY KEY(container, blob, id)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS block_counts(container TEXT NOT NULL, blob TEXT NOT NULL, idLength INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(container, blob)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS events(seq INTEGER PRIMARY KEY AUTOINCREMENT, container TEXT NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL, length INTEGER NOT NULL,
          type TEXT NOT NULL, request TEXT NOT NULL, api TEXT NOT NULL, time INTEGER NOT NULL);
        """;

    private const int MaxUncommitted = 100_000;

    /// <summary>The container's policy, made when it has none.</summary>
    public Task<string> GrantAsync(string container, string freshPolicy, CancellationToken cancellationToken) => database.WriteAsync(
        connection =>
        {
            Execute(connection, "INSERT INTO containers VALUES($0,$1) ON CONFLICT DO UPDATE SET policy=coalesce(policy,$1)", container, freshPolicy);
            return (string)Scalar(connection, "SELECT policy FROM containers WHERE name=$0", container)!;
        },
        cancellationToken);

    public Task RevokeAsync(string container, CancellationToken cancellationToken) => database.WriteAsync(
        connection => Execute(connection, "UPDATE containers SET policy=NULL WHERE name=$0", container), cancellationToken);

    public Task DeleteContainerAsync(string container, CancellationToken cancellationToken) => database.WriteAsync(
        connection =>
        {
            foreach (var table in (string[])["blobs", "parts", "blocks", "block_counts", "events"]) Execute(connection, $"DELETE FROM {table} WHERE container=$0", container);
            return Execute(connection, "DELETE FROM containers WHERE name=$0", container);
        },
        cancellationToken);

    public bool Exists(string container) => database.Read(connection => Scalar(connection, "SELECT 1 FROM containers WHERE name=$0", container) is not null);

    public string? PolicyOf(string container) => database.Read(connection => Scalar(connection, "SELECT policy FROM containers WHERE name=$0", container) as string);

    public BlobRow? Find(string container, string name) => database.Read(connection => Find(connection, container, name));

    /// <summary>Row and parts of one version, from one snapshot.</summary>
    public (BlobRow Row, IReadOnlyList<BlobPart> Parts)? FindWithParts(string container, string name) => database.Read<(BlobRow, IReadOnlyList<BlobPart>)?>(connection =>
    {
        using var transaction = connection.BeginTransaction(deferred: true);
        return Find(connection, container, name) is { } row ? (row, Parts(connection, container, name)) : null;
    });

    public IReadOnlyList<BlockRow> Blocks(string container, string blob) => database.Read(connection => Blocks(connection, container, blob));

    /// <summary>Names after <paramref name="after"/> that have a committed blob or staged blocks, in ordinal order of their UTF-8 bytes.</summary>
    public IReadOnlyList<(string Name, BlobRow? Row)> List(string container, string after, int limit) => database.Read(connection =>
    {
        using var transaction = connection.BeginTransaction(deferred: true);
        using var command = Command(
            connection,
            "SELECT name FROM blobs WHERE container=$0 AND name>$1 UNION SELECT blob FROM block_counts WHERE container=$0 AND blob>$1 ORDER BY 1 LIMIT $2",
            container,
            after,
            limit);
        var names = new List<string>();
        using (var reader = command.ExecuteReader())
            while (reader.Read()) names.Add(reader.GetString(0));
        return names.ConvertAll(name => (name, Find(connection, container, name)));
    });

    /// <summary>Replaces the blob's content by one part and drops its staged blocks.</summary>
    public Task<IReadOnlyList<string>> PutBlobAsync(BlobWrite write, BlobPart part, CancellationToken cancellationToken) => database.WriteAsync(
        connection =>
        {
            CheckWrite(connection, write);
            return Commit(connection, write, [part], "PutBlob");
        },
        cancellationToken);

    public Task<IReadOnlyList<string>> PutBlockAsync(BlobWrite write, BlockRow block, CancellationToken cancellationToken) => database.WriteAsync<IReadOnlyList<string>>(
        connection =>
        {
            CheckGrant(connection, write);
            var replaced = Scalar(connection, "SELECT object FROM blocks WHERE container=$0 AND blob=$1 AND id=$2", write.Container, write.Blob, block.Id) as string;
            var idLength = Scalar(connection, "SELECT idLength FROM block_counts WHERE container=$0 AND blob=$1", write.Container, write.Blob) as long?;
            // All ids of a blob have one length (Put Block, Remarks).
            if (idLength is not null && idLength != block.Id.Length) throw new BlobErrorException(BlobError.InvalidBlobOrBlock);
            if (replaced is null)
            {
                Execute(connection, "INSERT INTO block_counts VALUES($0,$1,$2,1) ON CONFLICT DO UPDATE SET count=count+1", write.Container, write.Blob, block.Id.Length);
                if ((long)Scalar(connection, "SELECT count FROM block_counts WHERE container=$0 AND blob=$1", write.Container, write.Blob)! > MaxUncommitted)
                    throw new BlobErrorException(BlobError.BlockCountExceeded);
            }

            Execute(connection, "INSERT INTO blocks VALUES($0,$1,$2,$3,$4) ON CONFLICT DO UPDATE SET object=$3, length=$4", write.Container, write.Blob, block.Id, block.Object!, block.Length);
            return replaced is null ? [] : [replaced];
        },
        cancellationToken);

    /// <summary>Commits a block list. Each entry names its block and where to look for it.</summary>
    public Task<IReadOnlyList<string>> PutBlockListAsync(BlobWrite write, IReadOnlyList<ListedBlock> list, CancellationToken cancellationToken) => database.WriteAsync(
        connection =>
        {
            CheckWrite(connection, write);
            var staged = Blocks(connection, write.Container, write.Blob).ToDictionary(b => b.Id, b => new BlobPart(b.Id, b.Object, b.Length), StringComparer.Ordinal);
            var committed = new Dictionary<string, BlobPart>(StringComparer.Ordinal);
            foreach (var part in Parts(connection, write.Container, write.Blob)) committed[part.BlockId] = part;
            committed.Remove("");
            var parts = list.Select(entry =>
                (entry.Source != BlockSource.Committed && staged.TryGetValue(entry.Id, out var found))
                || (entry.Source != BlockSource.Uncommitted && committed.TryGetValue(entry.Id, out found))
                    ? found
                    : throw new BlobErrorException(BlobError.InvalidBlockList)).ToList();
            return Commit(connection, write, parts, "PutBlockList");
        },
        cancellationToken);

    public IReadOnlyList<BlobCreated> PendingEvents() => database.Read(connection =>
    {
        using var command = Command(connection, "SELECT seq, container, name, etag, length, type, request, api, time FROM events ORDER BY seq LIMIT 100");
        using var reader = command.ExecuteReader();
        var events = new List<BlobCreated>();
        while (reader.Read())
        {
            events.Add(new BlobCreated(
                reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4), reader.GetString(5), reader.GetString(6), reader.GetString(7),
                DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(8))));
        }

        return events;
    });

    public Task EventTakenAsync(long sequence, CancellationToken cancellationToken) => database.WriteAsync(
        connection => Execute(connection, "DELETE FROM events WHERE seq=$0", sequence), cancellationToken);

    private static void CheckGrant(SqliteConnection connection, BlobWrite write)
    {
        using var command = Command(connection, "SELECT policy FROM containers WHERE name=$0", write.Container);
        using var reader = command.ExecuteReader();
        // Gone, or revoked since the request was admitted: nothing may land after a revocation.
        if (!reader.Read() || (write.Grant.Policy is { } policy && (reader.IsDBNull(0) || reader.GetString(0) != policy))) throw new BlobErrorException(BlobError.AuthenticationFailed);
    }

    private static void CheckWrite(SqliteConnection connection, BlobWrite write)
    {
        CheckGrant(connection, write);
        var current = Find(connection, write.Container, write.Blob);
        if (write.Conditions.ForWrite(current) is { } error) throw new BlobErrorException(error);
        if (current is not null && !write.Grant.Allows('w')) throw new BlobErrorException(BlobError.UnauthorizedOverwrite);
    }

    private static IReadOnlyList<string> Commit(SqliteConnection connection, BlobWrite write, IReadOnlyList<BlobPart> parts, string api)
    {
        var (container, blob) = (write.Container, write.Blob);
        var unused = new HashSet<string>(StringComparer.Ordinal);
        unused.UnionWith(Parts(connection, container, blob).Select(p => p.Object).OfType<string>());
        unused.UnionWith(Blocks(connection, container, blob).Select(b => b.Object).OfType<string>());
        unused.ExceptWith(parts.Select(p => p.Object).OfType<string>());
        foreach (var table in (string[])["parts", "blocks", "block_counts"]) Execute(connection, $"DELETE FROM {table} WHERE container=$0 AND blob=$1", container, blob);
        var sequence = 0;
        foreach (var part in parts) Execute(connection, "INSERT INTO parts VALUES($0,$1,$2,$3,$4,$5)", container, blob, sequence++, part.BlockId, part.Object!, part.Length);
        var length = parts.Sum(p => p.Length);
        Execute(
            connection,
            "INSERT INTO blobs VALUES($0,$1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO UPDATE SET etag=$2, length=$3, modified=$4, type=$5, md5=$6, metadata=$7",
            container, blob, write.ETag, length, write.Now.ToUnixTimeSeconds(), write.Headers.ContentType, write.Headers.Md5!, BlobMetadata.Serialize(write.Headers.Metadata)!);
        // As the cloud's subscription filters: only the blob that completes a session is announced.
        if (blob == Core.Uploads.UploadSessions.CompletionBlob)
        {
            Execute(
                connection,
                "INSERT INTO events(container, name, etag, length, type, request, api, time) VALUES($0,$1,$2,$3,$4,$5,$6,$7)",
                container, blob, write.ETag, length, write.Headers.ContentType, write.RequestId, api, write.Now.ToUnixTimeMilliseconds());
        }

        return [.. unused];
    }

    private static BlobRow? Find(SqliteConnection connection, string container, string name)
    {
        using var command = Command(connection, "SELECT etag, length, modified, type, md5, metadata FROM blobs WHERE container=$0 AND name=$1", container, name);
        using var reader = command.ExecuteReader();
        return reader.Read()
            ? new BlobRow(
                name,
                reader.GetString(0),
                reader.GetInt64(1),
                DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(2)),
                new BlobHeaders(reader.GetString(3), reader.IsDBNull(4) ? null : reader.GetFieldValue<byte[]>(4), BlobMetadata.Parse(reader.IsDBNull(5) ? null : reader.GetString(5))))
            : null;
    }

    private static List<BlobPart> Parts(SqliteConnection connection, string container, string name)
    {
        using var command = Command(connection, "SELECT id, object, length FROM parts WHERE container=$0 AND blob=$1 ORDER BY seq", container, name);
        using var reader = command.ExecuteReader();
        var parts = new List<BlobPart>();
        while (reader.Read()) parts.Add(new BlobPart(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt64(2)));
        return parts;
    }

    private static List<BlockRow> Blocks(SqliteConnection connection, string container, string name)
    {
        using var command = Command(connection, "SELECT id, object, length FROM blocks WHERE container=$0 AND blob=$1 ORDER BY id", container, name);
        using var reader = command.ExecuteReader();
        var blocks = new List<BlockRow>();
        while (reader.Read()) blocks.Add(new BlockRow(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt64(2)));
        return blocks;
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, params object[] values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++) command.Parameters.AddWithValue($"${i}", values[i] ?? DBNull.Value);
        return command;
    }

    private static int Execute(SqliteConnection connection, string sql, params object[] values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql, params object[] values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar() is { } value and not DBNull ? value : null;
    }
}

internal enum BlockSource
{
    Latest,
    Committed,
    Uncommitted,
}

internal sealed record ListedBlock(string Id, BlockSource Source);
