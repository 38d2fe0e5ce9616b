using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>What is restored, and to where.</summary>
/// <param name="From">The backup set.</param>
/// <param name="To">The new data folder; it must not be there, or be empty.</param>
public sealed record RestoreOptions(string From, string To)
{
    /// <summary>The newest generation that is not after this moment; null for the newest.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>Opens the key backup.</summary>
    public string? Passphrase { get; init; }

    /// <summary>A data folder that may know of erasures which no generation does: the damaged one that is being replaced.</summary>
    public string? ErasuresFrom { get; init; }
}

/// <summary>
/// Makes a data folder from a generation of a backup. Every file is held against its SHA-256 on the way. The folder may go into service once the erasures of
/// <see cref="Pending"/> have been replayed in it (<see cref="Settle"/>).
/// </summary>
public static class FolderRestore
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The erasures that a restored folder must still be rid of. No host starts on a folder that has this file.</summary>
    public const string PendingName = "restore.pending.json";

    /// <summary>The list in <see cref="PendingName"/>.</summary>
    public static IReadOnlyList<ErasureRecord> Pending(string data) =>
        JsonSerializer.Deserialize<ErasureRecord[]>(File.ReadAllBytes(Path.Combine(data, PendingName)), DocumentJson.Options) ?? [];

    /// <summary>Says that the erasures have been replayed: the folder may go into service.</summary>
    public static void Settle(string data)
    {
        LibC.Remove(Path.Combine(data, PendingName));
        LibC.SyncDirectory(data);
    }

    /// <summary>Whole generations of a set, oldest first.</summary>
    public static IReadOnlyList<BackupManifest> Generations(string from) => new BackupSet(from).Generations();

    /// <exception cref="BackupException">There is no such generation, something of it is damaged, the folder is in use, or the passphrase is wrong.</exception>
    public static async Task<BackupManifest> RunAsync(RestoreOptions options, CancellationToken cancellationToken)
    {
        var set = new BackupSet(options.From);
        var all = set.Generations();
        var manifest = all.LastOrDefault(generation => options.At is not { } at || generation.At <= at)
            ?? throw new BackupException(all.Count == 0 ? $"{options.From} holds no backup." : $"The oldest backup is of {all[0].At:O}.");
        var generation = set.Of(manifest.Id);
        if (Directory.Exists(options.To) && Directory.EnumerateFileSystemEntries(options.To).Any()) throw new BackupException($"{options.To} is not empty: a restore never writes over anything.");
        Directory.CreateDirectory(options.To, OwnerOnly);
        foreach (var file in manifest.Files)
        {
            if (file.Name is BackupSet.ListName or BackupSet.KeysName or BackupSet.ErasuresName)
            {
                Demand(file, BackupFiles.Hash(Path.Combine(generation, file.Name)));
                continue;
            }

            var target = Path.Combine(options.To, file.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerOnly);
            Demand(file, BackupFiles.Copy(Path.Combine(generation, file.Name), target, cancellationToken).Sha256);
        }

        await CopyObjectsAsync(set, generation, options.To, cancellationToken);
        var records = Path.Combine(options.To, "records.db");
        KeyBackup.Restore(Path.Combine(generation, BackupSet.KeysName), Path.Combine(options.To, "keys.json"), records, options.Passphrase);
        BackupFiles.Write(Path.Combine(options.To, "keys.made"), "A key ring was made for this folder.\n"u8);
        var erasures = all.SelectMany(other => Erasures.Load(Path.Combine(set.Of(other.Id), BackupSet.ErasuresName)));
        if (options.ErasuresFrom is { } folder) erasures = erasures.Concat(Erasures.Read(Path.Combine(folder, "records.db")));
        BackupFiles.Write(Path.Combine(options.To, PendingName), JsonSerializer.SerializeToUtf8Bytes(Erasures.Merge(erasures), DocumentJson.Options));
        LibC.SyncDirectory(options.To);
        return manifest;
    }

    private static async Task CopyObjectsAsync(BackupSet set, string generation, string to, CancellationToken cancellationToken)
    {
        var list = BackupObject.Read(Path.Combine(generation, BackupSet.ListName));
        await Parallel.ForEachAsync(list, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken }, (item, token) =>
        {
            if (!FolderBackup.TierFolders.Contains(item.Tier)) throw new BackupException("The list of objects names a folder that is none of ours.");
            var target = Path.Combine(to, item.Tier, Skylight.Archive.Objects.ObjectName.Check(item.Name));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, OwnerOnly);
            var source = Path.Combine(set.Pool, item.Name);
            if (!File.Exists(source)) throw new BackupException($"The backup has lost the object {item.Name}.");
            if (BackupFiles.Copy(source, target, token).Sha256 != item.Sha256) throw new BackupException($"The backup's object {item.Name} is damaged.");
            return ValueTask.CompletedTask;
        });
        foreach (var tier in FolderBackup.TierFolders.Select(tier => Path.Combine(to, tier)).Where(Directory.Exists))
        {
            foreach (var folder in Directory.EnumerateDirectories(tier, "*", SearchOption.AllDirectories)) LibC.SyncDirectory(folder);
            LibC.SyncDirectory(tier);
        }
    }

    private static void Demand(BackupFile file, string sha256)
    {
        if (file.Sha256 != sha256) throw new BackupException($"The backup's file {file.Name} is damaged.");
    }
}
