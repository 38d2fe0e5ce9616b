using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Skylight.Core.Documents;
using Skylight.Local;
using Skylight.Local.Backup;
using Skylight.Local.Keys;
using Skylight.Local.Objects;

namespace Skylight.Cli.Integrity;

/// <summary><c>skylight backup</c>: one generation more of a data folder's backup, while its host runs.</summary>
internal static class BackupCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Data folder of an edge host; it may be running.", Required = true };
        var to = new Option<DirectoryInfo>("--to") { Description = "Folder of the backups; best on another machine's disk.", Required = true };
        var keep = new Option<int>("--keep-days") { Description = "Older generations are destroyed, keys first: 1 to 35.", DefaultValueFactory = _ => BackupOptions.MaxKeepDays };
        var recheck = new Option<bool>("--recheck") { Description = "Read every object in the backup again and authenticate it. Otherwise each run reads as much as makes a whole round in 30 days." };
        var passphrase = PassphraseFile();
        var command = new Command("backup", "Backs a data folder up, online and incrementally. Exit code 1 when an object is damaged; the generation is made all the same. Erasures are complete once the last backup from before them has gone.") { data, to, keep, recheck, passphrase };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var folder = parsed.GetValue(data)!.FullName;
            var configuration = new ConfigurationBuilder().AddDataFolder(folder).Build();
            var tiers = configuration.GetSection(FolderObjectStoreOptions.Section).Get<FolderObjectStoreOptions>() ?? new FolderObjectStoreOptions();
            var options = new BackupOptions(folder, parsed.GetValue(to)!.FullName)
            {
                KeepDays = parsed.GetValue(keep),
                Passphrase = Strong(Read(parsed.GetValue(passphrase))),
                KeyRingPath = configuration[$"{KeyRingOptions.Section}:Path"],
                KeyRingPassphraseFile = configuration[$"{KeyRingOptions.Section}:PassphraseFile"],
                Recheck = parsed.GetValue(recheck),
                Tiers = new (string Name, string? Path)[] { ("objects-cool", tiers.CoolFolder), ("objects-cold", tiers.ColdFolder), ("objects-archive", tiers.ArchiveFolder) }
                    .Where(tier => tier.Path is { Length: > 0 }).ToDictionary(tier => tier.Name, tier => tier.Path!),
            };
            try
            {
                var manifest = await FolderBackup.RunAsync(options, TimeProvider.System, cancellationToken);
                if (!parsed.GetValue(Connection.Json)) Print(manifest.Faults);
                Print(manifest, parsed.GetValue(Connection.Json));
                return manifest.FaultCount == 0 ? ExitCode.Done : ExitCode.Partial;
            }
            catch (Exception error) when (error is BackupException or KeyRingException)
            {
                throw CliException.Of(error);
            }
        });
        return command;
    }

    private static string Words(BackupManifest manifest) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(manifest.Checked > 0 ? $"; {manifest.Checked} read again, {manifest.CheckedBytes / 1e6:0.0} MB" : "")}{(manifest.Unproved > 0 ? $"; {manifest.Unproved} not authenticated for want of their keys" : "")}{(manifest.FaultCount > 0 ? $"; {manifest.FaultCount} DAMAGED" : "")}");

    internal static Option<FileInfo?> PassphraseFile() => new("--passphrase-file") { Description = "File (mode 0600) with the passphrase of the key backup; needed where the key ring has none." };

    /// <exception cref="CliException">The file is not there, or open to others.</exception>
    internal static string? Read(FileInfo? file)
    {
        if (file is null) return null;
        if (!file.Exists) throw new CliException(ExitCode.NotFound, "The passphrase file does not exist.");
        if ((File.GetUnixFileMode(file.FullName) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0) throw new CliException(ExitCode.Usage, "The passphrase file must be readable by its owner alone (mode 0600).");
        var passphrase = File.ReadAllText(file.FullName).TrimEnd('\r', '\n');
        return passphrase.Length > 0 ? passphrase : throw new CliException(ExitCode.Usage, "The passphrase file is empty.");
    }

    /// <summary>For what is sealed from now on; older generations are opened with whatever they were sealed under.</summary>
    internal static string? Strong(string? passphrase) => passphrase is null || LocalKeyRing.IsPassphrase(passphrase)
        ? passphrase
        : throw new CliException(ExitCode.Usage, $"The passphrase file holds no passphrase of at least {LocalKeyRing.MinPassphrase} characters.");

    internal static void Print(IReadOnlyList<BackupFault> faults)
    {
        foreach (var fault in faults) Console.WriteLine($"ERROR {fault.Code} {fault.Name} {fault.Detail}");
    }

    internal static void Print(BackupManifest manifest, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(manifest with { Files = [] }, DocumentJson.Options));
            return;
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{manifest.Id}: {manifest.Objects} objects, {manifest.ObjectBytes / 1e6:0.0} MB ({manifest.NewObjects} new, {manifest.NewBytes / 1e6:0.0} MB), taken in {(manifest.EndedAt - manifest.At).TotalSeconds:0.0} s{Words(manifest)}"));
    }
}
