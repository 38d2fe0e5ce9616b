using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Cli.Integrity;

/// <summary><c>skylight reindex</c>: makes the catalog again from the archive, or compares the two.</summary>
public static class ReindexCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo?>("--data") { Description = "Data folder of an edge host that is not running. catalog.db may be missing." };
        var backup = new Option<FileInfo?>("--backup") { Description = "An earlier copy of catalog.db, for what the archive does not say: levels, tags, categories, holds, encounters." };
        var azure = new Option<FileInfo?>("--azure") { Description = "Settings (JSON) of a stopped host on Azure, in place of a data folder. With --data: the folder of its key ring; without: Key Vault." };
        var verify = new Option<bool>("--verify") { Description = "Only compare: exit code 1 when the catalog differs in anything that can be derived." };
        var without = new Option<bool>("--without-backup") { Description = "Where catalog.db is missing and there is no earlier copy of it: go on although levels, tags, categories, encounters and holds are lost." };
        var command = new Command("reindex", "Makes the catalog again from the objects of the archive and its keys.") { data, azure, backup, verify, without };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (folder, settings) = (parsed.GetValue(data), parsed.GetValue(azure));
            if (folder is null && settings is null) throw new CliException(ExitCode.Usage, "--data DIR or --azure FILE is needed.");
            if (settings is { Exists: false }) throw new CliException(ExitCode.NotFound, $"{settings.FullName} is not there.");
            if (settings is not null && parsed.GetValue(backup) is not null) throw new CliException(ExitCode.Usage, "--backup is a copy of catalog.db: it does not go with --azure.");
            if (parsed.GetValue(backup) is { Exists: false } missing) throw new CliException(ExitCode.NotFound, $"{missing.FullName} is not there.");
            if (!parsed.GetValue(verify) && parsed.GetValue(backup) is null && !parsed.GetValue(without) && settings is null && !File.Exists(Path.Combine(folder!.FullName, "catalog.db")))
            {
                throw new CliException(
                    ExitCode.Usage,
                    "catalog.db is missing, and the archive does not say levels, tags, categories, encounters and holds, which also protect studies from erasure. Name an earlier copy with --backup, or say --without-backup and set them anew before the host is started.");
            }

            if (settings is not null && !parsed.GetValue(verify) && !parsed.GetValue(without))
            {
                throw new CliException(
                    ExitCode.Usage,
                    "The archive does not say levels, tags, categories, encounters and holds, which also protect studies from erasure: they stay only where the catalog still has the study. Set the database back instead, or say --without-backup and set them anew before the host is started.");
            }

            var report = settings is null
                ? await RunAsync(folder!, parsed.GetValue(backup), !parsed.GetValue(verify), cancellationToken)
                : await RunOnAzureAsync(settings, folder, !parsed.GetValue(verify), cancellationToken);
            Print(report, parsed.GetValue(Connection.Json), parsed.GetValue(verify));
            return report.Ok ? ExitCode.Done : ExitCode.Partial;
        });
        return command;
    }

    /// <summary>Rebuilds or compares the catalog of a folder that no host has open.</summary>
    public static async Task<RebuildReport> RunAsync(DirectoryInfo folder, FileInfo? backup, bool write, CancellationToken cancellationToken)
    {
        if (backup is not null && !SqliteCatalog.IsIn(backup.FullName)) throw new CliException(ExitCode.Usage, $"{backup.FullName} is no copy of catalog.db.");
        await using var archive = await OfflineArchive.OpenAsync(folder, "objects", cancellationToken);
        await using var copy = backup is null ? null : SqliteDatabase.Open(backup.FullName, SqliteDurability.Full, SqliteCatalog.Schema);
        var report = await archive.Services.GetRequiredService<CatalogRebuild>().RunAsync(copy is null ? null : new SqliteCatalog(copy), write, cancellationToken);
        await archive.Services.GetRequiredService<SqliteCatalog>().CheckpointAsync(cancellationToken);
        return report;
    }

    /// <summary>Rebuilds or compares the catalog in Cosmos, from the objects in Blob storage; levels, tags, holds and encounters are kept where the catalog still has the study.</summary>
    public static async Task<RebuildReport> RunOnAzureAsync(FileInfo settings, DirectoryInfo? keys, bool write, CancellationToken cancellationToken)
    {
        await using var archive = await AzureArchive.OpenAsync(settings, keys, cancellationToken);
        return await archive.Services.GetRequiredService<CatalogRebuild>().RunAsync(null, write, cancellationToken);
    }

    private static void Print(RebuildReport report, bool json, bool verify)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, DocumentJson.Options));
            return;
        }

        foreach (var line in report.Different) Console.WriteLine("differs " + line);
        foreach (var line in report.Unreadable) Console.WriteLine("unreadable " + line);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Studies} studies, {report.Instances} instances {(verify ? "compared" : "indexed")}; {report.Different.Count} differ, {report.Unreadable.Count} unreadable{(report.Records > 0 ? $"; {report.Records} lost records of deletions, held content and corrections made anew" : "")}"));
    }
}
