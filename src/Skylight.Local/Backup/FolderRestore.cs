using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Local.Keys;
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

    /// <summary>File with the passphrase of the restored key ring, where it has one; null for the one that the restored settings, or the environment, name.</summary>
    public string? KeyRingPassphraseFile { get; init; }

    /// <summary>A data folder that may know of erasures which no generation does: the damaged one that is being replaced.</summary>
    public string? ErasuresFrom { get; init; }
}

/// <summary>What was restored.</summary>
/// <param name="Faults">Objects that are missing in the folder now, or damaged.</param>
public sealed record RestoredGeneration(BackupManifest Manifest, IReadOnlyList<BackupFault> Faults);

/// <summary>
/// Makes a data folder from a generation of a backup. Every file is held against its SHA-256 on the way. The folder may go into service once the erasures of
/// <see cref="Pending"/> have been replayed in it (<see cref="Settle"/>).
/// </summary>
public static class FolderRestore
{
    /// <summary>
    /// The erasures that a restored folder must still be rid of: its first file, so that a restore that is broken off anywhere leaves it. No host starts on a folder that has it, and no key ring is made there.
    /// </summary>
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

    /// <summary>A generation's moment as its id says it, in milliseconds: whoever asks for that moment means that generation.</summary>
    private static DateTimeOffset AsTold(DateTimeOffset at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMillisecond));

    /// <summary>
    /// Restores. Objects that the backup has lost, or has damaged, do not keep back the others: they are answered by name, and what there is of their bytes is put in
    /// their place (no reader takes a damaged segment for anything).
    /// </summary>
    /// <exception cref="BackupException">There is no such generation, a file of its own is damaged, the folder is in use, or the passphrase is wrong.</exception>
    /// <exception cref="KeyRingException">The key ring in it has a passphrase of its own, which is missing or wrong.</exception>
    public static async Task<RestoredGeneration> RunAsync(RestoreOptions options, CancellationToken cancellationToken)
    {
        var set = new BackupSet(options.From);
        using var reading = set.Reading();
        var all = set.Generations();
        var manifest = all.LastOrDefault(generation => options.At is not { } at || AsTold(generation.At) <= at)
            ?? throw new BackupException(all.Count == 0 ? $"{options.From} holds no backup." : $"The oldest backup is of {all[0].At:O}.") { Cause = BackupCause.Missing };
        var generation = set.Of(manifest.Id);
        if (Directory.Exists(options.To) && Directory.EnumerateFileSystemEntries(options.To).Any()) throw new BackupException($"{options.To} is not empty: a restore never writes over anything.") { Cause = BackupCause.Request };
        if (Folders.IsWithin(options.To, set.Folder)) throw new BackupException($"{options.To} lies inside the backup: choose a folder elsewhere.") { Cause = BackupCause.Request };
        if (options.ErasuresFrom is { } replaced && !Erasures.AreIn(Path.Combine(replaced, "records.db")))
            throw new BackupException($"{replaced} has no records that can be read: without --erasures-from what no backup knows to be erased comes back.") { Cause = BackupCause.Missing };
        Prove(manifest, generation, options);
        Directory.CreateDirectory(options.To, BackupSet.OwnerOnly);
        WritePending(set, all, options);
        foreach (var file in manifest.Files.Where(file => !IsOfSet(file)))
        {
            var target = Path.Combine(options.To, file.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!, BackupSet.OwnerOnly);
            Demand(file, BackupFiles.Copy(Path.Combine(generation, file.Name), target, cancellationToken).Sha256);
        }

        var faults = await new PoolRestore(set, manifest.Id, options.To).RunAsync(cancellationToken);
        var records = Path.Combine(options.To, "records.db");
        KeyBackup.Restore(Path.Combine(generation, BackupSet.KeysName), Path.Combine(options.To, "keys.json"), records, options.Passphrase);
        BackupFiles.Write(Path.Combine(options.To, "keys.made"), "A key ring was made for this folder.\n"u8);

        // What was erased while this was copying.
        WritePending(set, all, options);
        return new RestoredGeneration(manifest, faults);
    }

    /// <summary>What need not be copied to be known: that the lists and the keys of a generation are whole, and the passphrase is right.</summary>
    private static void Prove(BackupManifest manifest, string generation, RestoreOptions options)
    {
        foreach (var file in manifest.Files.Where(IsOfSet)) Demand(file, BackupFiles.Hash(Path.Combine(generation, file.Name)));
        var ring = new ConfigurationBuilder().AddDataFolder(generation).Build().GetSection(KeyRingOptions.Section).Get<KeyRingOptions>() ?? new KeyRingOptions();
        if (options.KeyRingPassphraseFile is { } own) ring.PassphraseFile = own;
        KeyBackup.Prove(Path.Combine(generation, BackupSet.KeysName), options.Passphrase, ring);
    }

    private static void WritePending(BackupSet set, IReadOnlyList<BackupManifest> all, RestoreOptions options)
    {
        var erasures = all.SelectMany(other => Erasures.Load(Path.Combine(set.Of(other.Id), BackupSet.ErasuresName)));
        if (options.ErasuresFrom is { } folder) erasures = erasures.Concat(Erasures.Read(Path.Combine(folder, "records.db")));
        BackupFiles.Write(Path.Combine(options.To, PendingName), JsonSerializer.SerializeToUtf8Bytes(Erasures.Merge(erasures), DocumentJson.Options));
        LibC.SyncDirectory(options.To);
    }

    /// <summary>Whether a file of a generation stays with the backup.</summary>
    private static bool IsOfSet(BackupFile file) => file.Name is BackupSet.ListName or BackupSet.DamagedListName or BackupSet.KeysName or BackupSet.ErasuresName;

    private static void Demand(BackupFile file, string sha256)
    {
        if (file.Sha256 != sha256) throw new BackupException($"The backup's file {file.Name} is damaged.");
    }
}
