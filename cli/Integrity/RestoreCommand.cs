using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Uploads;
using Skylight.Local;
using Skylight.Local.Backup;
using Skylight.Local.Catalog;
using Skylight.Local.Journal;
using Skylight.Local.Keys;
using Skylight.Local.Sqlite;

namespace Skylight.Cli.Integrity;

/// <summary><c>skylight restore</c>: makes a data folder from a backup, destroys again what was erased, and with <c>--verify</c> proves the result.</summary>
public static class RestoreCommand
{
    public static Command Create()
    {
        var from = new Option<DirectoryInfo>("--from") { Description = "Folder of the backups.", Required = true };
        var to = new Option<DirectoryInfo?>("--to") { Description = "The new data folder; it must not be there, or be empty." };
        var at = new Option<DateTimeOffset?>("--at") { Description = "The newest generation that is not after this moment. Default: the newest." };
        var verify = new Option<bool>("--verify") { Description = "Verify every byte afterwards; exit code 0 only when all is whole. With a folder that is thrown away, this is the restore drill." };
        var list = new Option<bool>("--list") { Description = "List the generations and restore nothing." };
        var erasures = new Option<DirectoryInfo?>("--erasures-from") { Description = "The data folder that is being replaced, where it can still be read: it may know of erasures that no backup knows." };
        var replica = new Option<DirectoryInfo?>("--replica") { Description = "The folder of second copies (Skylight:Replica:Folder) of the host that was lost: what was stored after the backup is taken from there, and the catalog made again." };
        var replicaKeys = new Option<DirectoryInfo?>("--replica-keys") { Description = "The folder of its second key records (Skylight:Replica:KeyFolder). Without it nothing can be opened that was first stored after the backup." };
        var passphrase = BackupCommand.PassphraseFile();
        var ringPassphrase = new Option<FileInfo?>("--key-ring-passphrase-file") { Description = "File (mode 0600) with the passphrase of the key ring, where it has one of its own; without it the one that the restored settings.json or the environment (Skylight__KeyRing__PassphraseFile) names." };
        var command = new Command("restore", "Restores a data folder from a backup. What was erased before or after it stays erased.") { from, to, at, verify, list, erasures, replica, replicaKeys, passphrase, ringPassphrase };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var json = parsed.GetValue(Connection.Json);
            try
            {
                var set = parsed.GetValue(from)!.FullName;
                if (parsed.GetValue(list))
                {
                    var generations = FolderRestore.Generations(set);
                    if (generations.Count == 0) throw new CliException(ExitCode.NotFound, $"{set} holds no backup.");
                    foreach (var generation in generations) BackupCommand.Print(generation, json);
                    return ExitCode.Done;
                }

                var target = parsed.GetValue(to) ?? throw new CliException(ExitCode.Usage, "--to DIR is needed.");
                var options = new RestoreOptions(set, target.FullName)
                {
                    At = parsed.GetValue(at), Passphrase = BackupCommand.Read(parsed.GetValue(passphrase)), ErasuresFrom = parsed.GetValue(erasures)?.FullName, KeyRingPassphraseFile = parsed.GetValue(ringPassphrase)?.FullName,
                };
                return await RunAsync(options, parsed.GetValue(verify), json, cancellationToken, parsed.GetValue(replica), parsed.GetValue(replicaKeys));
            }
            catch (Exception error) when (error is BackupException or KeyRingException)
            {
                throw CliException.Of(error);
            }
        });
        return command;
    }

    /// <summary>Restores, replays the erasures and verifies; prints what came of it and answers the exit code.</summary>
    public static async Task<int> RunAsync(RestoreOptions options, bool verify, bool json, CancellationToken cancellationToken, DirectoryInfo? replica = null, DirectoryInfo? replicaKeys = null)
    {
        SecondCopies.Prove(replica?.FullName, replicaKeys?.FullName);
        var watch = Stopwatch.StartNew();
        var (manifest, faults) = await FolderRestore.RunAsync(options, cancellationToken);
        TakenOver? taken = null;
        var (before, erased) = ((string?)null, 0);
        if (replica is not null || replicaKeys is not null)
        {
            (before, erased) = await SetCatalogAsideAsync(options, cancellationToken);
            taken = SecondCopies.Take(options.To, replica?.FullName, replicaKeys?.FullName, faults, cancellationToken);
        }

        var copied = watch.Elapsed;
        await using var archive = await OfflineArchive.OpenRestoredAsync(new DirectoryInfo(options.To), options.KeyRingPassphraseFile, cancellationToken, taken is null ? "catalog.db" : "objects");
        if (taken is not null)
        {
            taken = taken with { Replaced = await WholeAsync(archive, taken.Replaced, cancellationToken) };
            faults = [.. faults.Where(fault => !taken.Replaced.Contains(fault.Name))];
        }

        var rebuilt = before is null ? null : await RebuildAsync(archive, before, cancellationToken);
        IReadOnlyList<string> less = before is null ? [] : await LessAsync(archive, before, taken!.Renewed, cancellationToken);
        if (before is not null) SecondCopies.Remove(before);
        var again = await archive.Services.GetRequiredService<Erasure>().ReplayAsync(FolderRestore.Pending(options.To), cancellationToken);
        again = again with { Studies = again.Studies + erased };
        if (taken is not null) taken = taken with { KeysMissing = [.. await ServedAsync(archive, taken.KeysMissing, cancellationToken), .. less] };
        var cut = (await archive.Services.GetRequiredService<UploadSessions>().CutOffAsync(cancellationToken)).Select(session => new CutOffUpload(session.Institution, session.Id, session.CreatedOn, session.ClosedOn)).ToArray();
        FolderRestore.Settle(options.To);
        var usable = watch.Elapsed;
        var report = verify ? await archive.Services.GetRequiredService<ArchiveVerifier>().VerifyAsync(VerifyDepth.Deep, cancellationToken) : null;
        var result = new RestoreReport(
            manifest.Id, manifest.At, (TimeProvider.System.GetUtcNow() - manifest.At).TotalSeconds, copied.TotalSeconds, usable.TotalSeconds, watch.Elapsed.TotalSeconds, manifest.Objects, manifest.ObjectBytes, again, cut, faults, taken, rebuilt?.Unreadable ?? [], report);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(result, DocumentJson.Options));
        }
        else
        {
            BackupCommand.Print(faults);
            if (taken is not null) Print(taken, rebuilt!, keysKnown: replicaKeys is not null);
            if (report is not null) VerifyCommand.Print(report, json: false);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"restored {manifest.Id}: {manifest.Objects} objects, {manifest.ObjectBytes / 1e6:0.0} MB; {again.Studies} erased studies and {again.Instances} erased instances destroyed again"));
            if (again.Waiting > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{again.Waiting} erasures wait for archived studies: nothing of them is served, and the host drops the bytes once they are rehydrated"));
            Console.WriteLine(cut.Length == 0
                ? "No upload was open at that moment. Uploads that were opened since are not known here: have them sent again."
                : $"{cut.Length} uploads were open at that moment and are cut off. Have them sent again, and every upload that was opened since:");
            foreach (var upload in cut)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {upload.Institution} {upload.Id}, opened {upload.OpenedOn:O}{(upload.CompletedOn is { } completed ? $", completed {completed:O}" : "")}"));
            if (HasOwnRingPlace(options.To)) Console.WriteLine($"The settings name another place for the key ring ({KeyRingOptions.Section}:Path). The restored one is keys.json in this folder: put it there before the host starts.");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"RPO {result.RpoSeconds:0} s (what was stored since that moment is not in it), RTO {result.UsableSeconds:0.0} s (copied after {result.CopiedSeconds:0.0} s){(verify ? $", verified after {result.VerifiedSeconds:0.0} s" : "")}"));
        }

        var whole = faults.Count == 0 && taken is null or { KeysMissing.Count: 0, Unopened.Count: 0 } && (taken is null || replicaKeys is not null) && rebuilt is null or { Unreadable.Count: 0 } && report is null or { Ok: true };
        return whole ? ExitCode.Done : ExitCode.Partial;
    }

    /// <summary>
    /// What the restored catalog names is older than what the second copies brought, so it must not decide what is in force: it serves as the earlier copy that a rebuild takes from what no object says.
    /// The journal is emptied first, since a start replays it. What was erased whole goes before the second copies come: the same study may have been received anew since, and be among them.
    /// </summary>
    /// <returns>Where the catalog is, and how many studies were destroyed again.</returns>
    private static async Task<(string Aside, int Erased)> SetCatalogAsideAsync(RestoreOptions options, CancellationToken cancellationToken)
    {
        var erased = 0;
        await using (var archive = await OfflineArchive.OpenRestoredAsync(new DirectoryInfo(options.To), options.KeyRingPassphraseFile, cancellationToken))
        {
            var studies = FolderRestore.Pending(options.To).Where(erasure => erasure.Level == DeletionLevel.Study).ToArray();
            erased = (await archive.Services.GetRequiredService<Erasure>().ReplayAsync(studies, cancellationToken)).Studies;
            var drain = archive.Services.GetRequiredService<JournalDrain>();
            drain.Compact = null;
            await drain.DrainAllAsync(cancellationToken);
            await archive.Services.GetRequiredService<SqliteCatalog>().CheckpointAsync(cancellationToken);
        }

        return (SecondCopies.SetCatalogAside(options.To), erased);
    }

    private static async Task<RebuildReport> RebuildAsync(OfflineArchive archive, string before, CancellationToken cancellationToken)
    {
        await using (var copy = SqliteDatabase.Open(before, SqliteDurability.Full, SqliteCatalog.Schema))
        {
            var report = await archive.Services.GetRequiredService<CatalogRebuild>().RunAsync(new SqliteCatalog(copy), write: true, cancellationToken);
            await archive.Services.GetRequiredService<SqliteCatalog>().CheckpointAsync(cancellationToken);
            return report;
        }
    }

    /// <summary>Those that can be authenticated from end to end.</summary>
    private static async Task<IReadOnlyList<string>> WholeAsync(OfflineArchive archive, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var (check, store) = (new ObjectCheck(archive.Services.GetRequiredService<StudyKeys>()), archive.Services.GetRequiredService<IObjectStore>());
        var whole = new List<string>();
        foreach (var name in names)
        {
            try
            {
                if ((await check.ReadAsync(store, name, cancellationToken)).State == CopyState.Whole) whole.Add(name);
            }
            catch (KeyUnavailableException)
            {
                // Nobody can say: it stays among the damaged.
            }
        }

        return whole;
    }

    private static bool HasOwnRingPlace(string data) => new ConfigurationBuilder().AddDataFolder(data).Build()[$"{KeyRingOptions.Section}:{nameof(KeyRingOptions.Path)}"] is { Length: > 0 };

    /// <summary>Those that are studies of the catalog now: uploads have keys too, which go with them, and what is known to be erased has just been erased again.</summary>
    private static async Task<IReadOnlyList<string>> ServedAsync(OfflineArchive archive, IReadOnlyList<string> subjects, CancellationToken cancellationToken)
    {
        var catalog = archive.Services.GetRequiredService<ICatalog>();
        var served = new List<string>();
        foreach (var subject in subjects)
            if (subject.Split('/') is [var institution, var studyKey] && await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not null) served.Add(subject);
        return served;
    }

    /// <summary>Studies that the second copies, under newer keys, have less of than the backup; one that was received anew since is another.</summary>
    private static async Task<IReadOnlyList<string>> LessAsync(OfflineArchive archive, string before, IReadOnlyList<string> renewed, CancellationToken cancellationToken)
    {
        if (renewed.Count == 0) return [];
        await using var copy = SqliteDatabase.Open(before, SqliteDurability.Full, SqliteCatalog.Schema);
        var (backup, catalog, less) = (new SqliteCatalog(copy), archive.Services.GetRequiredService<ICatalog>(), new List<string>());
        foreach (var subject in renewed)
        {
            if (subject.Split('/') is not [var institution, var studyKey] || await backup.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var old }) continue;
            var now = (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value;
            if (now is null || (now.CreatedAt == old.CreatedAt && now.Instances() < old.Instances())) less.Add(subject);
        }

        return less;
    }

    private static void Print(TakenOver taken, RebuildReport rebuilt, bool keysKnown)
    {
        if (!keysKnown) Console.WriteLine("ERROR erasures-unknown Without --replica-keys nothing says what was erased after the backup: it is served again. Erase it again.");
        foreach (var study in taken.Unopened) Console.WriteLine($"ERROR no-key {study} has objects in the replica and a key in neither place: nothing of it was taken. Its key may be in a newer copy of the second key records; or it was erased.");
        foreach (var study in taken.KeysMissing) Console.WriteLine($"ERROR key-not-in-replica {study} was erased after the backup, or what there is of it never reached the second places. Erase it again if it was.");
        foreach (var name in taken.Replaced) Console.WriteLine($"note taken-from-replica {name} whole, in place of the backup's copy");
        foreach (var name in rebuilt.Unreadable) Console.WriteLine($"ERROR unreadable {name}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"taken from the second copies: {taken.Keys} key records, {taken.Objects} objects, {taken.Bytes / 1e6:0.0} MB; {rebuilt.Studies} studies, {rebuilt.Instances} instances indexed"));
        if (rebuilt.Records > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rebuilt.Records} records of deletions, held content and corrections were lost and are made anew from the objects, by 'reindex': look at GET /api/deletions, /api/intake and the corrections of studies"));
        Console.WriteLine("Levels, tags, categories, encounters and holds that were set after the backup are not in it, nor deletions of whole studies, undone corrections and intake decisions: set them again.");
    }

    /// <param name="RpoSeconds">Age of the restored moment.</param>
    /// <param name="Damaged">Objects that the backup does not have whole.</param>
    /// <param name="UsableSeconds">Until a host could be started on the folder.</param>
    private sealed record RestoreReport(
        string Generation, DateTimeOffset At, double RpoSeconds, double CopiedSeconds, double UsableSeconds, double VerifiedSeconds, long Objects, long ObjectBytes, ErasureReplay ErasedAgain, IReadOnlyList<CutOffUpload> CutOffUploads, IReadOnlyList<BackupFault> Damaged,
        TakenOver? SecondCopies, IReadOnlyList<string> Unreadable, VerifyReport? Verification);

    /// <summary>An upload whose content is in no backup: what of it was not stored yet has to be sent again.</summary>
    private sealed record CutOffUpload(string Institution, string Id, DateTimeOffset OpenedOn, DateTimeOffset? CompletedOn);
}
