using System.CommandLine;
using Microsoft.Extensions.Configuration;
using Skylight.Cli.Integrity;
using Skylight.Local;
using Skylight.Local.Journal;
using Skylight.Local.Keys;

namespace Skylight.Cli.Maintenance;

/// <summary><c>skylight keys passphrase</c>: another passphrase for the key ring of an edge host that does not run.</summary>
public static class PassphraseCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Data folder of an edge host, which must not be running.", Required = true };
        var old = new Option<FileInfo?>("--passphrase-file") { Description = "File (mode 0600) with the passphrase that the ring has; without it the one that the host is configured with." };
        var next = new Option<FileInfo>("--new-passphrase-file") { Description = "File (mode 0600) with the new passphrase.", Required = true };
        var command = new Command("passphrase", "Seals the key ring of a data folder under a new passphrase. The keys stay as they are; backups from before open with the old one.") { data, old, next };
        command.SetAction(parsed =>
        {
            Change(parsed.GetValue(data)!, parsed.GetValue(old), parsed.GetValue(next)!);
            Console.WriteLine(
                $"The key ring is sealed under the new passphrase. Before the host starts, let {KeyRingOptions.Section}:{nameof(KeyRingOptions.PassphraseFile)} name a file that holds it. Keep the old one as long as backups from before are kept.");
            return ExitCode.Done;
        });
        return command;
    }

    /// <exception cref="CliException">There is no key ring, a host has the folder, or a passphrase will not do; nothing was changed.</exception>
    public static void Change(DirectoryInfo data, FileInfo? old, FileInfo next)
    {
        var journal = Path.Combine(data.FullName, "journal");
        if (!Directory.Exists(journal)) throw new CliException(ExitCode.NotFound, $"{data.FullName} has no archive.");
        var passphrase = BackupCommand.Strong(BackupCommand.Read(next))!;
        var options = new ConfigurationBuilder().AddDataFolder(data.FullName).Build().GetSection(KeyRingOptions.Section).Get<KeyRingOptions>() ?? new KeyRingOptions();
        try
        {
            using var held = Journal.Lock(journal);
            LocalKeyRing.ChangePassphrase(data.FullName, options, BackupCommand.Read(old), passphrase, TimeProvider.System);
        }
        catch (Exception error) when (error is JournalException or KeyRingException)
        {
            throw CliException.Of(error);
        }
    }
}
