using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>What a restored folder took over from the second copies of the host that was lost.</summary>
/// <param name="Keys">Key records that the backup did not have, or not with all their keys.</param>
/// <param name="KeysMissing">What has a key in the backup and none in the second place, as <c>institution/study key</c>: erased since, or never copied; or an upload that has ended.</param>
/// <param name="Replaced">Objects that the backup has lost or has damaged, and the replica has; whether whole, only its key tells.</param>
/// <param name="Unopened">Studies of which the replica has objects and neither place a key, as <c>institution/study key</c>: nothing of them was taken.</param>
/// <param name="Renewed">Studies of which the second place has newer keys in place of some of the backup's, as <c>institution/study key</c>: sealed anew, or erased and received again. What those opened was not taken.</param>
public sealed record TakenOver(int Keys, int Objects, long Bytes, IReadOnlyList<string> KeysMissing, IReadOnlyList<string> Replaced, IReadOnlyList<string> Unopened, IReadOnlyList<string> Renewed);

/// <summary>
/// Brings a restored folder up to what the replica still has: key records and objects that came after the generation. The catalog has to be made again afterwards, and erasures carried
/// out again. What an erasure has destroyed is not taken: the replica has none of it either, but its disk may be an old one.
/// </summary>
public static class SecondCopies
{
    private const string Type = "key";

    private static readonly string[] s_kinds = [".pack", ".index", ".metadata", ".manifest", ".corrections", ".preview"];

    /// <summary>Whether the second places are there, and are ones of ours, before hours are spent on the backup.</summary>
    /// <exception cref="BackupException">They are not.</exception>
    public static void Prove(string? replica, string? keys)
    {
        if (replica is not null && !Directory.Exists(replica)) throw NotThere(replica);
        if (keys is null) return;
        var second = Path.Combine(keys, "keys.db");
        if (!File.Exists(second)) throw NotThere(second);
        if (!Erasures.AreIn(second)) throw new BackupException($"{second} cannot be read, or holds no key records.") { Cause = BackupCause.Request };
    }

    /// <param name="data">The restored folder, which no host has open.</param>
    /// <param name="replica">What <c>Skylight:Replica:Folder</c> named; null for none.</param>
    /// <param name="keys">What <c>Skylight:Replica:KeyFolder</c> named; null for none.</param>
    /// <param name="faults">What the backup did not have whole.</param>
    /// <exception cref="BackupException">A folder is not there, or not one of ours.</exception>
    public static TakenOver Take(string data, string? replica, string? keys, IReadOnlyList<BackupFault> faults, CancellationToken cancellationToken)
    {
        var gone = new Dictionary<(string Institution, string StudyKey), HashSet<string>>();
        var (taken, missing) = keys is null ? (0, []) : TakeKeys(data, Path.Combine(keys, "keys.db"), replica is null ? null : gone);
        Drop(data, gone);
        var nothing = new TakenOver(taken, 0, 0, missing, [], [], [.. gone.Keys.Select(owner => $"{owner.Institution}/{owner.StudyKey}").Order(StringComparer.Ordinal)]);
        return replica is null ? nothing : TakeObjects(nothing, data, replica, faults.Select(fault => fault.Name).ToHashSet(StringComparer.Ordinal), gone, cancellationToken);
    }

    /// <summary>Moves the catalog out of the way of a rebuild; answers where it is now.</summary>
    public static string SetCatalogAside(string data)
    {
        var (catalog, aside) = (Path.Combine(data, "catalog.db"), Path.Combine(data, "catalog.restored.db"));
        Remove(aside);
        BackupFiles.Snapshot(catalog, aside);
        Remove(catalog);
        return aside;
    }

    /// <summary>A database with the files beside it.</summary>
    public static void Remove(string database)
    {
        foreach (var suffix in (string[])["", "-wal", "-shm"]) File.Delete(database + suffix);
        LibC.SyncDirectory(Path.GetDirectoryName(database)!);
    }

    /// <param name="gone">Gets the keys of the backup that the second place has replaced by newer ones, which are destroyed there; null to keep them.</param>
    private static (int Taken, IReadOnlyList<string> Missing) TakeKeys(string data, string second, Dictionary<(string, string), HashSet<string>>? gone)
    {
        var copy = Path.Combine(data, "keys-replica.db");
        File.Delete(copy);
        try
        {
            BackupFiles.Snapshot(second, copy);
            using var from = BackupFiles.Open(copy);
            using var to = BackupFiles.Open(Path.Combine(data, "records.db"));
            using var transaction = to.BeginTransaction();
            var destroyed = FolderRestore.Pending(data).Where(erasure => erasure.Status == ErasureStatus.Erased).SelectMany(erasure => erasure.Keys).ToHashSet(StringComparer.Ordinal);
            var known = Read(to).ToDictionary(row => (row.Record.Institution, row.Record.Subject));
            var (taken, seen) = (0, new HashSet<(string, string)>());
            foreach (var (record, etag) in Read(from))
            {
                seen.Add((record.Institution, record.Subject));
                var old = known.TryGetValue((record.Institution, record.Subject), out var row) ? row.Record.Keys : [];
                var more = record.Keys.Where(key => !destroyed.Contains(key.Id) && old.All(other => other.Id != key.Id)).ToArray();

                // What an older copy of the second place lacks is newer than all it has.
                var dropped = gone is null ? [] : old.Where(key => record.Keys.All(other => other.Id != key.Id) && record.Keys.Any(other => other.CreatedAt > key.CreatedAt)).Select(key => key.Id).ToHashSet(StringComparer.Ordinal);
                if (dropped.Count > 0) gone![(record.Institution, record.Subject)] = dropped;
                if (more.Length + dropped.Count == 0) continue;
                Put(to, record with { Keys = [.. old.Where(key => !dropped.Contains(key.Id)).Concat(more).OrderBy(key => key.CreatedAt)] }, Math.Max(etag, row.ETag) + 1);
                taken++;
            }

            transaction.Commit();
            return (taken, [.. known.Keys.Where(key => !seen.Contains(key)).Select(key => $"{key.Institution}/{key.Subject}").Order(StringComparer.Ordinal)]);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>Removes what keys opened that are gone.</summary>
    private static void Drop(string data, Dictionary<(string Institution, string StudyKey), HashSet<string>> gone)
    {
        foreach (var (owner, keys) in gone)
        {
            foreach (var folder in SourceObjects.TierFolders.Select(tier => Path.Combine(data, tier, owner.Institution, owner.StudyKey)).Where(Directory.Exists))
                foreach (var path in Directory.GetFiles(folder))
                    if (KeyOf(path) is { } key && keys.Contains(key)) File.Delete(path);
        }
    }

    /// <summary>The id of the key that a sealed object names; null where its header cannot be read.</summary>
    private static string? KeyOf(string path)
    {
        using var file = File.OpenHandle(path);
        var head = new byte[SealedHeader.Size];
        try
        {
            return SealedHeader.Parse(Path.GetFileName(path), head.AsSpan(0, RandomAccess.Read(file, head, 0))).KeyId.ToString();
        }
        catch (SealedObjectException)
        {
            return null;
        }
    }

    private static List<(KeyRecord Record, long ETag)> Read(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT etag, body FROM documents WHERE type=$type ORDER BY pk, id";
        command.Parameters.AddWithValue("$type", Type);
        using var reader = command.ExecuteReader();
        var found = new List<(KeyRecord Record, long ETag)>();
        while (reader.Read())
            found.Add((JsonSerializer.Deserialize<KeyRecord>(reader.GetFieldValue<byte[]>(1), DocumentJson.Options) ?? throw new BackupException("A key record is empty."), reader.GetInt64(0)));
        return found;
    }

    private static void Put(SqliteConnection connection, KeyRecord record, long etag)
    {
        using var put = connection.CreateCommand();
        put.CommandText = "INSERT OR REPLACE INTO documents VALUES($pk,$type,$id,$etag,$body)";
        put.Parameters.AddWithValue("$pk", record.Institution);
        put.Parameters.AddWithValue("$type", Type);
        put.Parameters.AddWithValue("$id", record.Subject);
        put.Parameters.AddWithValue("$etag", etag);
        put.Parameters.AddWithValue("$body", JsonSerializer.SerializeToUtf8Bytes(record, DocumentJson.Options));
        put.ExecuteNonQuery();
    }

    /// <summary>Objects of studies with a key, under their own names: what is there already is the same, since names are never used again, unless it is one of the damaged.</summary>
    private static TakenOver TakeObjects(TakenOver before, string data, string replica, HashSet<string> damaged, Dictionary<(string, string), HashSet<string>> gone, CancellationToken cancellationToken)
    {
        HashSet<(string, string)> readable;
        using (var records = BackupFiles.Open(Path.Combine(data, "records.db"))) readable = [.. Read(records).Select(row => (row.Record.Institution, row.Record.Subject))];
        var (objects, bytes, folders, replaced, unopened) = (0, 0L, new HashSet<string>(StringComparer.Ordinal), new List<string>(), new SortedSet<string>(StringComparer.Ordinal));
        var erased = FolderRestore.Pending(data).Where(erasure => erasure is { Status: ErasureStatus.Erased, Level: DeletionLevel.Study }).Select(erasure => (erasure.Institution, erasure.StudyKey)).ToHashSet();
        foreach (var path in Directory.EnumerateFiles(replica, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(replica, path);
            if (!s_kinds.Any(kind => name.EndsWith(kind, StringComparison.Ordinal)) || !ObjectName.IsValid(name) || name.Count(c => c == '/') != 2) continue;
            var owner = ObjectName.Owner(name);
            if (!readable.Contains(owner))
            {
                if (!erased.Contains(owner)) unopened.Add($"{owner.Institution}/{owner.StudyKey}");
                continue;
            }

            if (gone.TryGetValue(owner, out var keys) && KeyOf(path) is { } key && keys.Contains(key)) continue;
            var there = SourceObjects.TierFolders.FirstOrDefault(tier => File.Exists(Path.Combine(data, tier, name)));
            if (there is not null && !damaged.Contains(name)) continue;
            var target = Path.Combine(data, there ?? SourceObjects.TierFolders[0], name);
            folders.Add(Directory.CreateDirectory(Path.GetDirectoryName(target)!, BackupSet.OwnerOnly).FullName);
            File.Delete(target);
            bytes += BackupFiles.Copy(path, target, cancellationToken).Length;
            objects++;
            if (damaged.Contains(name)) replaced.Add(name);
        }

        foreach (var folder in folders) LibC.SyncDirectory(folder);
        return before with { Objects = objects, Bytes = bytes, Replaced = replaced, Unopened = [.. unopened] };
    }

    private static BackupException NotThere(string path) => new($"{path} is not there.") { Cause = BackupCause.Missing };
}
