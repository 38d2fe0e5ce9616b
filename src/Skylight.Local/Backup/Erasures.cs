using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;

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

    /// <summary>One list of many: of several states of a record the one that says it was carried out.</summary>
    public static IReadOnlyList<ErasureRecord> Merge(IEnumerable<Document> documents)
    {
        var merged = new Dictionary<(string, string), ErasureRecord>();
        foreach (var document in documents)
        {
            var record = JsonSerializer.Deserialize<ErasureRecord>(document.Body, DocumentJson.Options) ?? throw new BackupException("A record of an erasure is empty.");
            if (!merged.TryGetValue((document.Pk, document.Id), out var known) || known.Status != ErasureStatus.Erased) merged[(document.Pk, document.Id)] = record;
        }

        return [.. merged.Values];
    }

    internal sealed record Document(string Pk, string Id, byte[] Body);
}
