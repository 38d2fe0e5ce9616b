using System.Text.Json;

namespace Skylight.Local.Backup;

/// <summary>
/// The list of erasures travels in every generation in a file of its own: a restore of an older generation takes the newest list that it can find, so that
/// what was erased since does not come back.
/// </summary>
internal static class Erasures
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static void Write(string records, string target) => BackupFiles.Write(target, JsonSerializer.SerializeToUtf8Bytes(Read(records), Json));

    /// <summary>Documents of erasures in a folder's records.</summary>
    public static IReadOnlyList<Document> Read(string records)
    {
        using var connection = BackupFiles.Open(records);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT pk, id, body FROM documents WHERE type='erasure' ORDER BY pk, id";
        using var reader = command.ExecuteReader();
        var found = new List<Document>();
        while (reader.Read()) found.Add(new Document(reader.GetString(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2)));
        return found;
    }

    public static IReadOnlyList<Document> Load(string file) => JsonSerializer.Deserialize<Document[]>(File.ReadAllBytes(file), Json) ?? [];

    /// <summary>Adds those that a restored folder does not know.</summary>
    public static void Add(string records, IEnumerable<Document> erasures)
    {
        using var connection = BackupFiles.Open(records);
        using var transaction = connection.BeginTransaction();
        foreach (var erasure in erasures)
        {
            using var put = connection.CreateCommand();
            put.CommandText = """
                UPDATE versions SET next = next + 1;
                INSERT OR IGNORE INTO documents SELECT $pk, 'erasure', $id, next, $body FROM versions;
                """;
            put.Parameters.AddWithValue("$pk", erasure.Pk);
            put.Parameters.AddWithValue("$id", erasure.Id);
            put.Parameters.AddWithValue("$body", erasure.Body);
            put.ExecuteNonQuery();
        }

        transaction.Commit();
    }

    internal sealed record Document(string Pk, string Id, byte[] Body);
}
