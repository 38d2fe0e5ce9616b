using System.Collections.Concurrent;
using Skylight.Archive.Objects;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>
/// Copies a generation's objects out of the pool, each held against its SHA-256. An object's place in the pool may have got a whole copy since the generation
/// was made, in place of a damaged one: a later generation lists that.
/// </summary>
internal sealed class PoolRestore(BackupSet set, string id, string to)
{
    private readonly ConcurrentDictionary<string, (string Tier, string Sha256, string Fault)> _doubtful = new(StringComparer.Ordinal);

    /// <summary>Answers what could not be restored as it was, by name.</summary>
    public async Task<IReadOnlyList<BackupFault>> RunAsync(CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(set.Objects(id, BackupSet.ListName), parallel, (item, token) => Take(item, set.Pool, token));
        await Parallel.ForEachAsync(set.Objects(id, BackupSet.DamagedListName), parallel, (item, token) => Take(item, set.Damaged, token));
        if (!_doubtful.IsEmpty) TakeMended(cancellationToken);
        Sync();
        return [.. _doubtful.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => new BackupFault(item.Key, BackupFault.Pool, item.Value.Fault))];
    }

    private ValueTask Take(BackupObject item, string from, CancellationToken cancellationToken)
    {
        if (!SourceObjects.TierFolders.Contains(item.Tier)) throw new BackupException("The list of objects names a folder that is none of ours.");
        var target = Path.Combine(to, item.Tier, ObjectName.Check(item.Name));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!, BackupSet.OwnerOnly);
        try
        {
            var copied = BackupFiles.Copy(Path.Combine(from, item.Name), target, cancellationToken).Sha256;
            if (from == set.Damaged) _doubtful[item.Name] = (item.Tier, copied, "it was damaged when it was to be copied");
            else if (copied != item.Sha256) _doubtful[item.Name] = (item.Tier, copied, "its bytes are not those that were copied");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            _doubtful[item.Name] = (item.Tier, "", "it is missing");
        }
        catch (IOException error) when (LibC.IsUnreadable(error))
        {
            File.Delete(target);
            _doubtful[item.Name] = (item.Tier, "", "the medium does not give it back");
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>What a later generation lists was authenticated before it took its place.</summary>
    private void TakeMended(CancellationToken cancellationToken)
    {
        foreach (var item in set.Generations().Where(other => string.CompareOrdinal(other.Id, id) > 0).SelectMany(later => set.Objects(later.Id, BackupSet.ListName)))
        {
            if (!_doubtful.TryGetValue(item.Name, out var taken)) continue;
            if (taken.Sha256 != item.Sha256)
            {
                var (target, pooled) = (Path.Combine(to, taken.Tier, item.Name), Path.Combine(set.Pool, item.Name));
                if (!File.Exists(pooled) || BackupFiles.Hash(pooled) != item.Sha256) continue;
                File.Delete(target);
                if (BackupFiles.Copy(pooled, target, cancellationToken).Sha256 != item.Sha256) continue;
            }

            _doubtful.TryRemove(item.Name, out _);
        }
    }

    private void Sync()
    {
        foreach (var tier in SourceObjects.TierFolders.Select(tier => Path.Combine(to, tier)).Where(Directory.Exists))
        {
            foreach (var folder in Directory.EnumerateDirectories(tier, "*", SearchOption.AllDirectories)) LibC.SyncDirectory(folder);
            LibC.SyncDirectory(tier);
        }
    }
}
