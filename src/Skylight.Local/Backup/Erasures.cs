using System.Text.Json;
using Microsoft.Data.Sqlite;
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

    /// <summary>Documents of erasures, and of the marks of what they took, in a folder's records.</summary>
    public static IReadOnlyList<Document> Read(string records)
    {
        using var connection = BackupFiles.Open(records);
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT pk, id, body, type FROM documents WHERE type IN ('{ErasureRecord.Type}', '{ErasedContent.MarkType}') ORDER BY pk, id";
        using var reader = command.ExecuteReader();
        var found = new List<Document>();
        while (reader.Read()) found.Add(new Document(reader.GetString(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetString(3)));
        return found;
    }

    /// <summary>Whether a file is there, and has the documents.</summary>
    public static bool AreIn(string records)
    {
        try
        {
            return File.Exists(records) && Read(records) is not null;
        }
        catch (SqliteException)
        {
            return false;
        }
    }

    public static IReadOnlyList<Document> Load(string file) => JsonSerializer.Deserialize<Document[]>(File.ReadAllBytes(file), Json) ?? [];

    /// <summary>One list of many: of several states of a record the one that says it was carried out; with the marks that any of them has.</summary>
    public static IReadOnlyList<ErasureRecord> Merge(IEnumerable<Document> documents)
    {
        var merged = new Dictionary<(string, string), ErasureRecord>();
        var marks = new Dictionary<(string, string), IReadOnlyList<string>>();
        foreach (var document in documents)
        {
            if (document.Type == ErasedContent.MarkType)
            {
                marks[(document.Pk, document.Id)] = Read<ErasureMarks>(document).Marks;
                continue;
            }

            if (!merged.TryGetValue((document.Pk, document.Id), out var known) || known.Status != ErasureStatus.Erased) merged[(document.Pk, document.Id)] = Read<ErasureRecord>(document);
        }

        var pages = marks.ToLookup(page => (page.Key.Item1, page.Key.Item2[..page.Key.Item2.IndexOf('.', StringComparison.Ordinal)]), page => page.Value);
        return [.. merged.Select(item => item.Value with { Marks = [.. pages[item.Key].SelectMany(page => page)] })];
    }

    private static T Read<T>(Document document) where T : class =>
        JsonSerializer.Deserialize<T>(document.Body, DocumentJson.Options) ?? throw new BackupException("A record of an erasure is empty.");

    /// <param name="Type">Absent in lists from before there were marks.</param>
    internal sealed record Document(string Pk, string Id, byte[] Body, string Type = ErasureRecord.Type);
}
