using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Tiers;
using Skylight.Core.Uploads;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local.Backup;
using Skylight.Local.Journal;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>Backups of a host that is taking instances in, and what comes back from them.</summary>
public sealed class BackupTests(EdgeFixture edge) : IClassFixture<EdgeFixture>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-backup-").FullName;
    private int _next;

    private string Set => Path.Combine(_folder, "set");

    private string Target => Path.Combine(_folder, $"restored-{++_next}");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Backup_UnderLoad_RestoresToAWholeArchiveOfThatMoment()
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, "1", 3, promised);
        using var stop = new CancellationTokenSource();
        var load = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++) await StoreAsync(technician, $"1.9.{i}", 2, []);
        });
        var first = await BackupAsync();
        await stop.CancelAsync();
        await load;
        await StoreAsync(technician, "2", 3, promised);
        var second = await BackupAsync();

        Assert.Equal([first.Id, second.Id], FolderRestore.Generations(Set).Select(generation => generation.Id));
        Assert.True(second.NewObjects <= second.Objects - first.Objects, "what the set has is not copied again");
        await AssertHoldsAsync(await RestoreAsync(null), promised);
        await AssertHoldsAsync(await RestoreAsync(first.At), promised.Take(1));

        // A host starts on it as if nothing had happened.
        var again = await RestoreAsync(second.At);
        await AssertHoldsAsync(again, promised);
    }

    [Fact]
    public async Task Restore_ErasedSince_StaysErased()
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, "3", 2, promised);
        await StoreAsync(technician, "4", 2, promised);
        var before = await BackupAsync();
        var catalog = edge.Services.GetRequiredService<ICatalog>();
        var documents = edge.Services.GetRequiredService<IDocuments>();
        var study = (await catalog.GetStudyAsync("demo", promised[0], default))!.Value;
        var other = (await catalog.GetStudyAsync("demo", promised[1], default))!.Value;
        var keys = (await edge.Services.GetRequiredService<IKeyRecordStore>().GetAsync("demo", study.StudyKey, default))!.Record.Keys.Select(key => key.Id).ToArray();
        var erased = new ErasureRecord
        {
            Institution = "demo", Id = "e1", StudyKey = study.StudyKey, PatientKey = study.PatientKey, Level = DeletionLevel.Study, Basis = ErasureBasis.LegalOrder, Status = ErasureStatus.Erased,
            RequestedBy = "demo/test", StudyCreatedAt = study.CreatedAt, Keys = keys,
        };
        await documents.PutAsync(new DocumentKey("demo", ErasureRecord.Type, "e1"), erased, Match.Any, [], default);
        await documents.PutAsync(
            new DocumentKey("demo", ErasureRecord.Type, "e2"), erased with { Id = "e2", StudyKey = other.StudyKey, StudyCreatedAt = other.CreatedAt, Status = ErasureStatus.Requested }, Match.Any, [], default);
        await BackupAsync();

        // The older generation is restored; the newer one knows of the erasure, and of one that is only asked for.
        var data = Target;
        Assert.Equal(0, await RestoreCommand.RunAsync(new RestoreOptions(Set, data) { Passphrase = Passphrase, At = before.At }, verify: true, json: false, default));
        Assert.False(File.Exists(Path.Combine(data, FolderRestore.PendingName)));
        await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
        Assert.Null(await archive.Services.GetRequiredService<IKeyRecordStore>().GetAsync("demo", study.StudyKey, default));
        Assert.Null(await archive.Services.GetRequiredService<ICatalog>().GetStudyByKeyAsync("demo", study.StudyKey, default));
        Assert.NotNull(await archive.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", promised[1], default));
        Assert.Equal(1, Assert.Single(await archive.Services.GetRequiredService<Erasure>().ListErasedAsync(default)).V);
        foreach (var id in (string[])["e1", "e2"]) await documents.DeleteAsync(new DocumentKey("demo", ErasureRecord.Type, id), Match.Any, default);
    }

    [Fact]
    public async Task Restore_InstanceErasedSince_StaysErased_AndTheRestIsWhole()
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, "9", 3, promised);
        var before = await BackupAsync();
        var services = edge.Services;
        var target = new RetrieveTarget(promised[0], $"{promised[0]}.1", $"{promised[0]}.1.2");
        var deletion = (await services.GetRequiredService<Deletions>().DeleteAsync("demo", target, DeletionReason.ReceivedInError, "demo/one", default)).Record!;
        var requests = services.GetRequiredService<ErasureRequests>();
        var asked = (await requests.RequestAsync("demo", deletion.StudyKey, ErasureBasis.ReceivedInError, null, "demo/one", false, deletion, default)).Erasure!;
        await requests.ApproveAsync("demo", asked.Id, "demo/two", default);
        var more = true;
        while (more) more = await services.GetRequiredService<Erasure>().StepAsync("demo", asked.Id, default);
        await BackupAsync();

        foreach (var (at, from) in ((DateTimeOffset?, string?)[])[(before.At, null), (before.At, Data), (null, null)])
        {
            var data = Target;
            Assert.Equal(0, await RestoreCommand.RunAsync(new RestoreOptions(Set, data) { Passphrase = Passphrase, At = at, ErasuresFrom = from }, verify: true, json: false, default));
            await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
            var study = (await archive.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", promised[0], default))!.Value;
            Assert.Equal(2, study.Instances());
            var list = await archive.Services.GetRequiredService<Erasure>().ListErasedAsync(default);
            Assert.Equal((asked.Id, ErasureStatus.Erased), Assert.Single(list) is { } known ? (known.Id, known.Status) : default);
            Assert.False(await archive.Services.GetRequiredService<ErasedContent>().IsBackAsync(list[0], default));
        }

        await services.GetRequiredService<IDocuments>().DeleteAsync(new DocumentKey("demo", ErasureRecord.Type, asked.Id), Match.Any, default);
    }

    [Fact]
    public async Task Restore_WithAnUploadOpen_EndsItAndSaysSo()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var opened = await uploader.PostAsync(new Uri("api/uploads", UriKind.Relative), null);
        Assert.True(opened.IsSuccessStatusCode);
        using var body = System.Text.Json.JsonDocument.Parse(await opened.Content.ReadAsStringAsync());
        var id = body.RootElement.GetProperty("uploadId").GetString()!;
        await BackupAsync();
        var data = Target;
        Assert.Equal(0, await RestoreCommand.RunAsync(new RestoreOptions(Set, data) { Passphrase = Passphrase }, verify: false, json: false, default));
        await using (var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default))
        {
            var session = await archive.Services.GetRequiredService<UploadSessions>().GetAsync("demo", id, default);
            Assert.Equal((UploadState.Expired, UploadSessions.CutOff), (session!.State, session.Failure));
            Assert.DoesNotContain(await archive.Services.GetRequiredService<UploadSessions>().CutOffAsync(default), again => again.Id == id);
        }

        // The host that was backed up goes on with it.
        Assert.Equal(UploadState.Open, (await edge.Services.GetRequiredService<UploadSessions>().GetAsync("demo", id, default))!.State);
    }

    [Fact]
    public async Task Backup_KeysOfWhatWasErased_AreGoneFromTheSetAfter35Days_AndNotBefore()
    {
        using var technician = await edge.ClientAsync("technician");
        await StoreAsync(technician, "10", 1, []);
        var old = await BackupAsync();
        var keys = Path.Combine(Set, "generations", old.Id, "keys.backup");
        await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(34.9)), default);
        Assert.True(File.Exists(keys));
        await FolderRestore.RunAsync(new RestoreOptions(Set, Target) { Passphrase = Passphrase, At = DateTimeOffset.ParseExact(old.Id, "yyyyMMdd'T'HHmmss'.'fff'Z'", System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal) }, default);
        await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(35.1)), default);
        Assert.False(File.Exists(keys));
        await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target) { Passphrase = Passphrase, At = old.At }, default));
        Assert.DoesNotContain(Directory.EnumerateFiles(Set, "*", SearchOption.AllDirectories), file => file.Contains(old.Id, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("journal")]
    [InlineData("state")]
    [InlineData("objects")]
    [InlineData("manifest")]
    public async Task Backup_BreaksOff_LeavesTheLastGoodOne(string step)
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, $"5.{step.Length}", 2, promised);
        var good = await BackupAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => FolderBackup.RunAsync(Options with { Step = at => { if (at == step) throw new TimeoutException(); } }, TimeProvider.System, default));
        Assert.Equal([good.Id], FolderRestore.Generations(Set).Select(generation => generation.Id));
        await AssertHoldsAsync(await RestoreAsync(null), promised);
        await BackupAsync();
        Assert.Equal(2, FolderRestore.Generations(Set).Count);
        Assert.Empty(Directory.GetFileSystemEntries(Set, "*.partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Backup_ProcessKilled_LeavesTheLastGoodOne()
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, "6", 2, promised);
        await BackupAsync();
        var passphrase = Path.Combine(_folder, "passphrase");
        await using (var file = new FileStream(passphrase, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            await file.WriteAsync("a long passphrase"u8.ToArray());
        var random = new Random(7);
        for (var kill = 0; kill < 3; kill++)
        {
            var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "skylight.dll"), "backup", "--data", Data, "--to", Set, "--passphrase-file", passphrase]) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            await Task.Delay(random.Next(200, 900));
            process.Kill();
            await process.WaitForExitAsync();
        }

        await AssertHoldsAsync(await RestoreAsync(null), promised);
        await BackupAsync();
        await AssertHoldsAsync(await RestoreAsync(null), promised);
    }

    [Fact]
    public async Task Restore_DamagedOrWithoutItsPassphrase_SaysSo()
    {
        using var technician = await edge.ClientAsync("technician");
        await StoreAsync(technician, "7", 2, []);
        var manifest = await BackupAsync();
        await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target) { Passphrase = "another" }, default));
        await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target), default));
        await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Data) { Passphrase = Passphrase }, default));
        await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target) { Passphrase = Passphrase, At = manifest.At.AddDays(-1) }, default));
        var catalog = Path.Combine(Set, "generations", manifest.Id, "catalog.db");
        var bytes = await File.ReadAllBytesAsync(catalog);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(catalog, bytes);
        Assert.Contains("catalog.db", (await Assert.ThrowsAsync<BackupException>(() => FolderRestore.RunAsync(new RestoreOptions(Set, Target) { Passphrase = Passphrase }, default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restore_OfAnArchivedStudy_IsVerifiedByteByByte()
    {
        using var technician = await edge.ClientAsync("technician");
        var promised = new List<string>();
        await StoreAsync(technician, "11", 2, promised);
        var pack = await ArchivedPackAsync(promised[0]);
        await BackupAsync();
        var data = Target;
        Assert.Equal(0, await RestoreCommand.RunAsync(new RestoreOptions(Set, data) { Passphrase = Passphrase }, verify: true, json: false, default));
        var restored = Path.Combine(data, "objects-archive", pack);
        var bytes = await File.ReadAllBytesAsync(restored);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(restored, bytes);
        var report = await VerifyCommand.VerifyAsync(new DirectoryInfo(data), [], VerifyDepth.Deep, default);
        Assert.Equal((false, 0L), (report.Ok, report.NotRead));
        Assert.Contains(report.Findings, finding => finding is { Code: VerifyCode.ObjectDamaged, IsError: true } && finding.Object == pack);
    }

    [Fact]
    public async Task Backup_OlderThanItsTime_IsDestroyedKeysAndAll()
    {
        using var technician = await edge.ClientAsync("technician");
        await StoreAsync(technician, "8", 2, []);
        var old = await BackupAsync();
        Assert.True(File.Exists(Path.Combine(Set, "generations", old.Id, "keys.backup")));
        Assert.DoesNotContain("A256KW", System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(Path.Combine(Set, "generations", old.Id, "records.db"))), StringComparison.Ordinal);
        var later = await FolderBackup.RunAsync(Options, new Later(TimeSpan.FromDays(36)), default);
        Assert.Equal([later.Id], FolderRestore.Generations(Set).Select(generation => generation.Id));
        Assert.False(Directory.Exists(Path.Combine(Set, "generations", old.Id)));
        await Assert.ThrowsAsync<BackupException>(() => FolderBackup.RunAsync(Options with { KeepDays = 36 }, TimeProvider.System, default));
    }

    /// <summary>The host archives a study; answers the name of its pack.</summary>
    private async Task<string> ArchivedPackAsync(string study)
    {
        var services = edge.Services;
        var document = (await services.GetRequiredService<ICatalog>().GetStudyAsync("demo", study, default))!.Value;
        await services.GetRequiredService<JournalDrain>().DrainAllAsync(default);
        await services.GetRequiredService<StudyTiers>().MoveAsync("demo", document.StudyKey, StorageTier.Archive, default);
        var folder = Path.Combine(Data, "objects-archive");
        return Path.GetRelativePath(folder, Directory.GetFiles(folder, "*.pack", SearchOption.AllDirectories).Single(path => path.Contains(document.StudyKey, StringComparison.Ordinal)));
    }

    private const string Passphrase = "a long passphrase";

    private string Data => Path.Combine(edge.Data, "host");

    private BackupOptions Options => new(Data, Set) { Passphrase = Passphrase, Iterations = 1000 };

    private Task<BackupManifest> BackupAsync() => FolderBackup.RunAsync(Options, TimeProvider.System, default);

    private async Task<string> RestoreAsync(DateTimeOffset? at)
    {
        var target = Target;
        await FolderRestore.RunAsync(new RestoreOptions(Set, target) { Passphrase = Passphrase, At = at }, default);
        return target;
    }

    private static async Task AssertHoldsAsync(string data, IEnumerable<string> studies)
    {
        await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
        var report = await archive.Services.GetRequiredService<ArchiveVerifier>().VerifyAsync(VerifyDepth.Deep, default);
        Assert.True(report.Ok, string.Join('\n', report.Findings));
        var catalog = archive.Services.GetRequiredService<ICatalog>();
        foreach (var uid in studies) Assert.True((await catalog.GetStudyAsync("demo", uid, default))?.Value.Instances() > 0);
    }

    private async Task StoreAsync(HttpClient technician, string study, int count, List<string> promised)
    {
        var file = DemoInstance.Load(edge.Demo)[0];
        var uid = $"2.999.7.{study}";
        var files = Enumerable.Range(1, count).Select(i => file.With(dataset => dataset
            .Set(DicomTags.StudyInstanceUID, Vr.UI, uid).Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{uid}.1").Set(DicomTags.SOPInstanceUID, Vr.UI, $"{uid}.1.{i}")).Bytes);
        using var answer = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.ToArray());
        Assert.True(answer.IsSuccessStatusCode);
        promised.Add(uid);
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
