using System.Globalization;
using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Local.Audit;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>What is backed up, and where to.</summary>
/// <param name="Data">Data folder of an edge host; it may be running.</param>
/// <param name="To">The backup set; best on another machine's disk.</param>
public sealed record BackupOptions(string Data, string To)
{
    /// <summary>The key backups of older generations are destroyed, and the generations with them: at most 35 days, after which what was erased is gone for good.</summary>
    public int KeepDays { get; init; } = MaxKeepDays;

    /// <summary>Seals the key backup; needed where the key ring has no passphrase of its own.</summary>
    public string? Passphrase { get; init; }

    /// <summary>The key ring where it does not lie in the data folder.</summary>
    public string? KeyRingPath { get; init; }

    /// <summary>The file with the key ring's own passphrase, where it has one: without it objects are copied and not authenticated.</summary>
    public string? KeyRingPassphraseFile { get; init; }

    /// <summary>Read every object of the pool again now, in place of this run's share.</summary>
    public bool Recheck { get; init; }

    /// <summary>Folders of objects by the name that the restored data folder gives them, where they do not lie in the data folder.</summary>
    public IReadOnlyDictionary<string, string> Tiers { get; init; } = new Dictionary<string, string>();

    /// <summary>The most days that a key backup lives.</summary>
    public const int MaxKeepDays = 35;

    internal int Iterations { get; init; } = Keys.LocalKeyRing.DefaultIterations;

    /// <summary>Called between the steps; tests break off in it.</summary>
    internal Action<string> Step { get; init; } = static _ => { };
}

/// <summary>
/// Backs a data folder up while its host runs. A generation is one moment: catalog and journal first, records and keys after them (so that no study lacks its
/// key), the audit trail and its journal, then the objects, which never change and stay for a day after they are replaced; those that the set has are not copied again (<see cref="ObjectPool"/>).
/// A generation appears whole under its name or not at all; what of the objects is damaged it names (<see cref="BackupManifest.Faults"/>).
/// </summary>
public static class FolderBackup
{
    private const string Staging = ".backup";

    /// <summary>Databases without a journal, in the order in which they are copied.</summary>
    private static readonly string[] Databases = ["records.db", "queues.db", "durable.db"];

    /// <exception cref="BackupException">The folder cannot be backed up as asked.</exception>
    public static async Task<BackupManifest> RunAsync(BackupOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (options.KeepDays is < 1 or > BackupOptions.MaxKeepDays) throw new BackupException($"Backups are kept 1 to {BackupOptions.MaxKeepDays} days.") { Cause = BackupCause.Request };
        if (!File.Exists(Path.Combine(options.Data, "catalog.db"))) throw new BackupException($"{options.Data} has no archive.") { Cause = BackupCause.Missing };
        var set = new BackupSet(options.To);
        set.DemandOutside([options.Data, .. options.Tiers.Values, .. SourceObjects.TierFolders.Select(tier => Path.Combine(options.Data, tier))]);
        set.Create();
        using var alone = set.Lock();
        ClearPartial(set, options.Data);
        var at = time.GetUtcNow();
        var id = at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'.'fff'Z'", CultureInfo.InvariantCulture);
        var partial = set.Of(id) + BackupSet.Partial;
        Directory.CreateDirectory(partial, BackupSet.OwnerOnly);
        CopyState(options, partial, cancellationToken);
        options.Step("state");
        var copy = await CopyObjectsAsync(options, set, partial, at, time, cancellationToken);
        options.Step("objects");
        Sync(partial);
        var files = Directory.EnumerateFiles(partial, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => new BackupFile(Path.GetRelativePath(partial, path), new FileInfo(path).Length, BackupFiles.Hash(path))).ToArray();
        var manifest = new BackupManifest(1, id, at, time.GetUtcNow(), files, copy.Objects, copy.Bytes, copy.Added, copy.AddedBytes)
        {
            Checked = copy.Checked, CheckedBytes = copy.CheckedBytes, CheckedTo = copy.CheckedTo, Unproved = copy.Unproved, Faults = copy.Faults, FaultCount = copy.FaultCount,
        };
        BackupFiles.Write(Path.Combine(partial, BackupSet.ManifestName), JsonSerializer.SerializeToUtf8Bytes(manifest, DocumentJson.Options));
        LibC.SyncDirectory(partial);
        options.Step("manifest");
        Directory.Move(partial, set.Of(id));
        LibC.SyncDirectory(set.GenerationsFolder);
        LibC.SyncDirectory(set.Folder);
        options.Step("done");
        Prune(set, time.GetUtcNow() - TimeSpan.FromDays(options.KeepDays));
        return manifest;
    }

    private static async Task<PoolCopy> CopyObjectsAsync(BackupOptions options, BackupSet set, string partial, DateTimeOffset at, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var proof = new PoolProof(options, set.Pool, time);
        return await new ObjectPool(options, set, proof, at).RunAsync(partial, cancellationToken);
    }

    /// <summary>What a backup that broke off has left.</summary>
    private static void ClearPartial(BackupSet set, string data)
    {
        foreach (var path in Directory.EnumerateDirectories(set.GenerationsFolder, "*" + BackupSet.Partial)) Directory.Delete(path, recursive: true);
        foreach (var path in Directory.EnumerateFiles(set.Pool, "*" + BackupSet.Partial, SearchOption.AllDirectories)) File.Delete(path);
        if (Directory.Exists(Path.Combine(data, Staging))) Directory.Delete(Path.Combine(data, Staging), recursive: true);
    }

    private static void CopyState(BackupOptions options, string partial, CancellationToken cancellationToken)
    {
        CopyJournaled(options, partial, "catalog.db", "journal", cancellationToken);
        options.Step("journal");
        foreach (var name in Databases)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (File.Exists(Path.Combine(options.Data, name))) BackupFiles.Snapshot(Path.Combine(options.Data, name), Path.Combine(partial, name));
        }

        // Anchors before the trail: an anchor must never be ahead of it. The trail last, so that it knows of all that the others do.
        CopyFolder(Path.Combine(options.Data, "audit-anchors"), Path.Combine(partial, "audit-anchors"), cancellationToken);
        if (File.Exists(Path.Combine(options.Data, "audit.db"))) CopyJournaled(options, partial, "audit.db", LocalAudit.JournalFolder, cancellationToken);
        Erasures.Write(Path.Combine(partial, "records.db"), Path.Combine(partial, BackupSet.ErasuresName));
        KeyBackup.Write(
            options.KeyRingPath ?? Path.Combine(options.Data, "keys.json"), Path.Combine(partial, "records.db"), Path.Combine(partial, BackupSet.KeysName), options.Passphrase, options.Iterations);
        foreach (var name in (string[])["settings.json", "dev-accounts.json"])
            if (File.Exists(Path.Combine(options.Data, name))) BackupFiles.Copy(Path.Combine(options.Data, name), Path.Combine(partial, name), cancellationToken);
    }

    /// <summary>A database with what its journal has and it has not.</summary>
    private static void CopyJournaled(BackupOptions options, string partial, string database, string journal, CancellationToken cancellationToken)
    {
        var staging = Path.Combine(options.Data, Staging);
        try
        {
            var files = JournalSnapshot.Take(Path.Combine(options.Data, database), Path.Combine(options.Data, journal), staging, Path.Combine(partial, database), cancellationToken);
            Directory.CreateDirectory(Path.Combine(partial, journal), BackupSet.OwnerOnly);
            foreach (var path in files) BackupFiles.Copy(path, Path.Combine(partial, journal, Path.GetFileName(path)), cancellationToken);
        }
        finally
        {
            if (Directory.Exists(staging)) Directory.Delete(staging, recursive: true);
        }
    }

    private static void CopyFolder(string from, string to, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(from)) return;
        Directory.CreateDirectory(to, BackupSet.OwnerOnly);
        foreach (var path in Directory.EnumerateFiles(from))
            if (!path.EndsWith(".new", StringComparison.Ordinal)) BackupFiles.Copy(path, Path.Combine(to, Path.GetFileName(path)), cancellationToken);
    }

    private static void Sync(string folder)
    {
        foreach (var inner in Directory.EnumerateDirectories(folder)) LibC.SyncDirectory(inner);
        foreach (var file in Directory.EnumerateFiles(folder)) BackupFiles.Sync(file);
        LibC.SyncDirectory(folder);
    }

    /// <summary>Destroys the keys of generations that are too old, then the generations, then the objects that no generation lists.</summary>
    private static void Prune(BackupSet set, DateTimeOffset before)
    {
        var all = set.Generations();
        var old = all.Where(generation => generation.At < before).ToArray();
        if (old.Length == 0) return;

        // Not under somebody who restores: the next backup destroys them.
        using var destroying = set.Destroying();
        if (destroying is null) return;
        foreach (var generation in old)
        {
            LibC.Remove(Path.Combine(set.Of(generation.Id), BackupSet.KeysName));
            LibC.SyncDirectory(set.Of(generation.Id));
            Directory.Delete(set.Of(generation.Id), recursive: true);
        }

        foreach (var (folder, list) in ((string, string)[])[(set.Pool, BackupSet.ListName), (set.Damaged, BackupSet.DamagedListName)])
        {
            var kept = all.Except(old).SelectMany(generation => set.Objects(generation.Id, list)).Select(item => item.Name).ToHashSet(StringComparer.Ordinal);
            foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
                if (!kept.Contains(Path.GetRelativePath(folder, path))) File.Delete(path);
        }
    }
}
