using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Tiers;
using Skylight.Dicom;
using Skylight.Edge;
using Skylight.Edge.Hosting;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local;
using Skylight.Local.Backup;
using Skylight.Local.Journal;
using Skylight.Local.Keys;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>Objects that are damaged in the data folder or in the backup: named, kept out of the pool, mended by a later backup.</summary>
public sealed class DamagedBackupTests(EdgeFixture edge) : IClassFixture<EdgeFixture>, IDisposable
{
    private const string Passphrase = "a long passphrase";

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-backup-").FullName;
    private int _next;

    private string Set => Path.Combine(_folder, "set");

    private string Data => Path.Combine(edge.Data, "host");

    private BackupOptions Options => new(Data, Set) { Passphrase = Passphrase, Iterations = 1000 };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Restore_WithAWrongPassphrase_WritesNothing()
    {
        await PackAsync("8");
        await BackupAsync();
        foreach (var passphrase in (string?[])[null, "another long one"])
        {
            var target = Target();
            await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, target) { Passphrase = passphrase }, default));
            Assert.False(Directory.Exists(target));
        }
    }

    [Fact]
    public async Task Restore_OfAGenerationUnderAShortPassphraseOfBefore_IsOpened()
    {
        await PackAsync("7");
        await FolderBackup.RunAsync(Options with { Passphrase = "pw" }, TimeProvider.System, default);
        var file = new FileInfo(Path.Combine(_folder, "pass"));
        await File.WriteAllTextAsync(file.FullName, "pw\n");
        File.SetUnixFileMode(file.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var arguments = (string[])["--from", Set, "--to", Target(), "--passphrase-file", file.FullName];
        Assert.Equal(0, await RestoreCommand.Create().Parse(arguments).InvokeAsync());
    }

    [Fact]
    public async Task Restore_BrokenOffAnywhere_LeavesAFolderThatNoHostStartsOn()
    {
        await PackAsync("9");
        var manifest = await BackupAsync();
        var begun = 0;
        foreach (var file in manifest.Files)
        {
            var (path, target) = (Path.Combine(Set, "generations", manifest.Id, file.Name), Target());
            var whole = await File.ReadAllBytesAsync(path);
            try
            {
                await File.WriteAllBytesAsync(path, [.. whole, 0]);
                await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, target) { Passphrase = Passphrase }, default));
            }
            finally
            {
                await File.WriteAllBytesAsync(path, whole);
            }

            if (!Directory.Exists(target)) continue;
            begun++;
            Assert.Throws<StartupException>(() => DataFolder.Open(target).Dispose());
            Assert.Throws<KeyRingException>(() => LocalKeyRing.OpenOrCreate(target, new KeyRingOptions(), TimeProvider.System).Dispose());
        }

        Assert.True(begun >= 3, "the catalog, the records and the audit trail at least");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Backup_OfADamagedObject_NamesIt_AndHasItWholeOnceItIsMended(bool truncated)
    {
        var pack = await PackAsync(truncated ? "1" : "2");
        var path = Path.Combine(Data, "objects", pack);
        var whole = await File.ReadAllBytesAsync(path);
        BackupManifest damaged;
        try
        {
            await File.WriteAllBytesAsync(path, truncated ? whole[..7] : Flipped(whole));
            damaged = await BackupAsync();
            Assert.Equal((pack, BackupFault.Damaged), Assert.Single(damaged.Faults) is var fault ? (fault.Name, fault.Code) : default);
            Assert.Equal(1, damaged.FaultCount);
            Assert.False(File.Exists(Path.Combine(Set, "objects", pack)));

            // What there is of it is in the backup, and said to be damaged.
            var (_, faults) = await FolderRestore.RunAsync(new RestoreOptions(Set, Target()) { Passphrase = Passphrase }, default);
            Assert.Equal(pack, Assert.Single(faults).Name);
            Assert.Equal(await File.ReadAllBytesAsync(path), await File.ReadAllBytesAsync(Path.Combine(Target(last: true), "objects", pack)));
            Assert.Equal(1, await DrillAsync(null));
            Assert.Single((await BackupAsync()).Faults);
        }
        finally
        {
            await File.WriteAllBytesAsync(path, whole);
        }

        Assert.Empty((await BackupAsync()).Faults);
        Assert.Equal(0, await DrillAsync(null));

        // The generation of then is whole too.
        Assert.Equal(0, await DrillAsync(damaged.At));
        Assert.Equal(whole, await File.ReadAllBytesAsync(Path.Combine(Target(last: true), "objects", pack)));
    }

    [Fact]
    public async Task Backup_OfAnObjectCutShortSince_SaysSo_AndKeepsItsWholeCopy()
    {
        var pack = await PackAsync("3");
        await BackupAsync();
        var path = Path.Combine(Data, "objects", pack);
        var whole = await File.ReadAllBytesAsync(path);
        try
        {
            await File.WriteAllBytesAsync(path, whole[..^1]);
            Assert.Equal((pack, BackupFault.Source), Assert.Single((await BackupAsync()).Faults) is var fault ? (fault.Name, fault.Code) : default);
            Assert.Equal(0, await DrillAsync(null));
        }
        finally
        {
            await File.WriteAllBytesAsync(path, whole);
        }
    }

    [Fact]
    public async Task Backup_WhoseOwnCopyWasCutShort_CopiesItAgain()
    {
        var pack = await PackAsync("4");
        await BackupAsync();
        var pooled = Path.Combine(Set, "objects", pack);
        var whole = await File.ReadAllBytesAsync(pooled);
        await File.WriteAllBytesAsync(pooled, whole[..7]);
        Assert.Empty((await BackupAsync()).Faults);
        Assert.Equal(whole, await File.ReadAllBytesAsync(pooled));
    }

    [Fact]
    public async Task Recheck_OfAPoolWithDamagedCopies_TakesThemAgain_AlsoThoseThatWereListedSo()
    {
        var (rotten, poisoned) = (await PackAsync("5"), await PackAsync("6"));
        var first = await BackupAsync();
        foreach (var pack in (string[])[rotten, poisoned])
            await File.WriteAllBytesAsync(Path.Combine(Set, "objects", pack), Flipped(await File.ReadAllBytesAsync(Path.Combine(Set, "objects", pack))));
        Assert.Equal(1, await DrillAsync(null));

        // As a backup did that looked at nothing: the damaged bytes stand in the list as if they were the object's.
        var list = Path.Combine(Set, "generations", first.Id, "objects.list");
        var lines = await File.ReadAllLinesAsync(list);
        var at = Array.FindIndex(lines, line => line.EndsWith(poisoned, StringComparison.Ordinal));
        lines[at] = BackupFiles.Hash(Path.Combine(Set, "objects", poisoned)) + lines[at][64..];
        await File.WriteAllLinesAsync(list, lines);
        var again = await FolderBackup.RunAsync(Options with { Recheck = true }, TimeProvider.System, default);
        Assert.Empty(again.Faults);
        Assert.True(again.Checked >= 2 && again.NewObjects >= 2);
        Assert.Equal(0, await DrillAsync(null));
    }

    [Fact]
    public async Task Backup_ReadsItsPoolAgain_InSharesThatMakeARoundInThirtyDays()
    {
        for (var study = 0; study < 4; study++) await PackAsync($"7.{study}");
        var first = await BackupAsync();
        Assert.Equal(0, first.Checked);
        Assert.Equal(0, (await FolderBackup.RunAsync(Options, new Later(TimeSpan.Zero), default)).CheckedBytes / Math.Max(1, first.ObjectBytes / 2));
        var seen = 0L;
        for (var day = 10; day <= 30; day += 10)
        {
            var share = await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(day)), default);
            Assert.NotNull(share.CheckedTo);
            Assert.True(share.CheckedBytes >= share.ObjectBytes / 4, $"{share.CheckedBytes} of {share.ObjectBytes}");
            seen += share.CheckedBytes;
        }

        Assert.True(seen >= first.ObjectBytes, $"{seen} of {first.ObjectBytes}");
    }

    [Fact]
    public async Task Backup_ThatBrokeOff_LeavesWhatItCopiedToTheNext()
    {
        var pack = await PackAsync("8");
        await Assert.ThrowsAsync<TimeoutException>(() => FolderBackup.RunAsync(Options with { Step = at => { if (at == "objects") throw new TimeoutException(); } }, TimeProvider.System, default));
        var pooled = Path.Combine(Set, "objects", pack);
        var longAgo = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(pooled, longAgo);
        await BackupAsync();
        Assert.Equal(longAgo, File.GetLastWriteTimeUtc(pooled));
        Assert.Equal(0, await DrillAsync(null));
    }

    [Fact]
    public async Task Backup_WhileAnotherRuns_IsRefused()
    {
        await BackupAsync();
        await using var other = new FileStream(Path.Combine(Set, "lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        await Assert.ThrowsAsync<BackupException>(() => BackupAsync());
    }

    [Fact]
    public async Task Backup_WhileSomebodyRestores_DestroysNoGeneration()
    {
        var old = await BackupAsync();
        await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(1)), default);
        await File.WriteAllBytesAsync(Path.Combine(Set, "reading"), []);
        await using (new FileStream(Path.Combine(Set, "reading"), FileMode.Open, FileAccess.Read, FileShare.Read))
        {
            await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(36)), default);
            Assert.Contains(FolderRestore.Generations(Set), generation => generation.Id == old.Id);
        }

        await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(36.1)), default);
        Assert.DoesNotContain(FolderRestore.Generations(Set), generation => generation.Id == old.Id);
    }

    [Fact]
    public async Task Restore_WhenThePoolLacksAnObject_RestoresTheOthers_AndNamesIt()
    {
        var (lost, other) = (await PackAsync("9"), await PackAsync("10"));
        await BackupAsync();
        File.Delete(Path.Combine(Set, "objects", lost));
        var (_, faults) = await FolderRestore.RunAsync(new RestoreOptions(Set, Target()) { Passphrase = Passphrase }, default);
        Assert.Equal(new BackupFault(lost, BackupFault.Pool, "it is missing"), Assert.Single(faults));
        Assert.True(File.Exists(Path.Combine(Target(last: true), "objects", other)));
        Assert.Equal(1, await DrillAsync(null));
    }

    [Fact]
    public async Task Backup_WithoutTheFolderOfATier_NamesWhatIsMissing()
    {
        var pack = await PackAsync("11");
        var study = (await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", "2.999.8.11", default))!.Value;
        await edge.Services.GetRequiredService<StudyTiers>().MoveAsync("demo", study.StudyKey, StorageTier.Cold, default);
        var elsewhere = Path.Combine(_folder, "elsewhere");
        Directory.Move(Path.Combine(Data, "objects-cold"), elsewhere);
        try
        {
            Assert.Equal((pack, BackupFault.Missing), Assert.Single((await BackupAsync()).Faults) is var fault ? (fault.Name, fault.Code) : default);
            var told = Options with { Tiers = new Dictionary<string, string> { ["objects-cold"] = elsewhere } };
            Assert.Empty((await FolderBackup.RunAsync(told, TimeProvider.System, default)).Faults);
            Assert.Equal(0, await DrillAsync(null));

            // Once the backup has it, it stays in later generations.
            Assert.EndsWith("the backup has it", Assert.Single((await BackupAsync()).Faults).Detail, StringComparison.Ordinal);
            Assert.Equal(0, await DrillAsync(null));
        }
        finally
        {
            Directory.Move(elsewhere, Path.Combine(Data, "objects-cold"));
        }
    }

    [Fact]
    public async Task Restore_WhereItMayNot_BeginsNothing()
    {
        await BackupAsync();
        Directory.CreateDirectory(Path.Combine(_folder, "taken", "by"));
        foreach (var target in new[] { Path.Combine(Set, "restored"), Path.Combine(_folder, "taken") })
        {
            var refused = await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, target) { Passphrase = Passphrase }, default));
            Assert.Equal((BackupCause.Request, ExitCode.Usage), (refused.Cause, CliException.Of(refused).ExitCode));
            Assert.False(File.Exists(Path.Combine(target, FolderRestore.PendingName)));
        }

        foreach (var folder in new[] { "nowhere", "taken" })
        {
            var unknown = new RestoreOptions(Set, Target()) { Passphrase = Passphrase, ErasuresFrom = Path.Combine(_folder, folder) };
            await File.WriteAllTextAsync(Path.Combine(_folder, "taken", "records.db"), "no database");
            Assert.Equal(ExitCode.NotFound, CliException.Of(await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(unknown, default))).ExitCode);
            Assert.False(Directory.Exists(Target(last: true)));
        }

        var late = await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target()) { Passphrase = Passphrase, At = DateTimeOffset.UnixEpoch }, default));
        Assert.Equal(ExitCode.NotFound, CliException.Of(late).ExitCode);
    }

    [Fact]
    public void Host_WritesThePlacesThatItWasToldOf_AndToolsReadThem()
    {
        Assert.True(File.Exists(Path.Combine(Data, HostPlaces.FileName)));
        var data = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        HostPlaces.Write(data, new ConfigurationBuilder().AddInMemoryCollection([new("Skylight:Objects:ColdFolder", "/mnt/cold"), new("Skylight:Objects:CoolFolder", "")]).Build());
        var seen = new ConfigurationBuilder().AddDataFolder(data).Build();
        Assert.Equal("/mnt/cold", seen["Skylight:Objects:ColdFolder"]);
        Assert.Null(seen["Skylight:Objects:CoolFolder"]);
    }

    private Task<BackupManifest> BackupAsync() => FolderBackup.RunAsync(Options, TimeProvider.System, default);

    /// <summary>A folder that was not there; or the one before.</summary>
    private string Target(bool last = false) => Path.Combine(_folder, $"restored-{(last ? _next : ++_next)}");

    private Task<int> DrillAsync(DateTimeOffset? at) => RestoreCommand.RunAsync(new RestoreOptions(Set, Target()) { Passphrase = Passphrase, At = at }, verify: true, json: false, default);

    private static byte[] Flipped(byte[] bytes)
    {
        var flipped = bytes.ToArray();
        flipped[^20] ^= 1;
        return flipped;
    }

    /// <summary>Stores a study, and answers the name of its pack, which lies in the object folder.</summary>
    private async Task<string> PackAsync(string study)
    {
        using var technician = await edge.ClientAsync("technician");
        var file = DemoInstance.Load(edge.Demo)[0];
        var uid = $"2.999.8.{study}";
        var bytes = file.With(dataset => dataset
            .Set(DicomTags.StudyInstanceUID, Vr.UI, uid).Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{uid}.1").Set(DicomTags.SOPInstanceUID, Vr.UI, $"{uid}.1.1")).Bytes;
        using var answer = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", bytes);
        Assert.True(answer.IsSuccessStatusCode);
        await edge.Services.GetRequiredService<JournalDrain>().DrainAllAsync(default);
        var key = (await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", uid, default))!.Value.StudyKey;
        var folder = Path.Combine(Data, "objects");
        return Path.GetRelativePath(folder, Assert.Single(Directory.GetFiles(folder, "*.pack", SearchOption.AllDirectories), path => path.Contains(key, StringComparison.Ordinal)));
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
