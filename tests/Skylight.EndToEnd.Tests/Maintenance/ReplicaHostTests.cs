using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Studies;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local.Backup;
using Skylight.Local.Journal;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>A host with second copies: what its disk loses is read from the other one.</summary>
public sealed class ReplicaHostTests : IAsyncLifetime
{
    private readonly Host _edge = new();

    public ValueTask InitializeAsync() => _edge.InitializeAsync();

    public ValueTask DisposeAsync() => _edge.DisposeAsync();

    [Fact]
    public async Task DamagedPack_IsMended_AndReadsAsItWasSent()
    {
        using var technician = await _edge.ClientAsync("technician");
        using var radiologist = await _edge.ClientAsync("radiologist");
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await DrainAsync();
        Assert.True(File.Exists(Path.Combine(_edge.Data, "third", "keys.db")));

        var name = await FirstPackAsync();
        var path = Path.Combine(_edge.Data, "host", "objects", name);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^20] ^= 4;
        await File.WriteAllBytesAsync(path, bytes);
        var study = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", file.Study, default))!.Value;
        Assert.Equal(0, await _edge.Services.GetRequiredService<Scrub>().StudyAsync("demo", study.StudyKey, default));
        var mended = await File.ReadAllBytesAsync(path);
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_edge.Data, "second", name)), mended);
        Assert.NotEqual(bytes, mended);
        using var original = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
        Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Read_OfADamagedPack_GivesWhatWasSent_AndMendsIt()
    {
        using var technician = await _edge.ClientAsync("technician");
        using var radiologist = await _edge.ClientAsync("radiologist");
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await DrainAsync();
        var name = await FirstPackAsync();
        var path = Path.Combine(_edge.Data, "host", "objects", name);
        var whole = await File.ReadAllBytesAsync(path);
        var bytes = whole.ToArray();
        bytes[^20] ^= 4;
        await File.WriteAllBytesAsync(path, bytes);
        using var original = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
        Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());
        var key = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", file.Study, default))!.Value.StudyKey;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (await _edge.Services.GetRequiredService<IDocuments>().GetAsync<DamageRecord>(new DocumentKey("demo", DamageRecord.Type, name.Replace('/', '.')), default) is null)
            await Task.Delay(50, patience.Token);
        Assert.Equal(whole, await File.ReadAllBytesAsync(path));
        Assert.Contains(key, name, StringComparison.Ordinal);
    }

    /// <summary>As docs/operations.md has it for a lost disk: the backup, then what the second copies have that came after it.</summary>
    [Fact]
    public async Task LostDisk_BackupAndSecondCopies_BringBackEverythingButWhatWasErased()
    {
        using var technician = await _edge.ClientAsync("technician");
        var file = DemoInstance.Load(_edge.Demo)[0];
        foreach (var uid in (string[])["2.999.8.1", "2.999.8.2"]) await StoreAsync(technician, file, uid, 1);
        var set = new BackupOptions(Path.Combine(_edge.Data, "host"), Path.Combine(_edge.Data, "set")) { Passphrase = "a long passphrase", Iterations = 1000 };
        await FolderBackup.RunAsync(set, TimeProvider.System, default);
        await StoreAsync(technician, file, "2.999.8.1", 2);
        foreach (var uid in (string[])["2.999.8.3", "2.999.8.4"]) await StoreAsync(technician, file, uid, 1);
        await EraseAsync("2.999.8.4");
        await DrainAsync();
        await EraseAsync("2.999.8.2");
        var lost = (await CatalogOf(_edge.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value;
        await _edge.StopAsync();
        Directory.Delete(Path.Combine(_edge.Data, "host"), recursive: true);

        var data = Path.Combine(_edge.Data, "back");
        var restore = new RestoreOptions(set.To, data) { Passphrase = set.Passphrase };
        var (second, third) = (new DirectoryInfo(Path.Combine(_edge.Data, "second")), new DirectoryInfo(Path.Combine(_edge.Data, "third")));
        await Assert.ThrowsAsync<BackupException>(() => RestoreCommand.RunAsync(restore, verify: true, json: false, default, second, new DirectoryInfo(Path.Combine(_edge.Data, "nowhere"))));
        Assert.False(Directory.Exists(data));

        // Without the second key records nobody knows what was erased, or can open what was first stored since.
        Assert.Equal(ExitCode.Partial, await RestoreCommand.RunAsync(restore with { To = Path.Combine(_edge.Data, "without") }, verify: true, json: false, default, second));

        // The erasure after the backup is on no list that is left; that its key is in one place only is told.
        Assert.Equal(ExitCode.Partial, await RestoreCommand.RunAsync(restore, verify: true, json: false, default, second, third));
        await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
        var catalog = CatalogOf(archive.Services);
        var found = (await catalog.GetStudyAsync("demo", "2.999.8.1", default))!.Value;
        Assert.Equal((2, lost.StudyKey, lost.CreatedAt), (found.Instances(), found.StudyKey, found.CreatedAt));
        Assert.Equal(1, (await catalog.GetStudyAsync("demo", "2.999.8.3", default))!.Value.Instances());
        Assert.Null(await catalog.GetStudyAsync("demo", "2.999.8.4", default));
        Assert.True((await archive.Services.GetRequiredService<ArchiveVerifier>().VerifyAsync(VerifyDepth.Deep, default)).Ok);
        Assert.Empty((await archive.Services.GetRequiredService<CatalogRebuild>().RunAsync(null, write: false, default)).Different);
    }

    [Fact]
    public async Task LostDisk_WhatWasErasedIsOnALaterList_IsGoneAndNoFault()
    {
        using var technician = await _edge.ClientAsync("technician");
        var file = DemoInstance.Load(_edge.Demo)[0];
        foreach (var uid in (string[])["2.999.8.1", "2.999.8.2"]) await StoreAsync(technician, file, uid, 1);
        var set = new BackupOptions(Path.Combine(_edge.Data, "host"), Path.Combine(_edge.Data, "set")) { Passphrase = "a long passphrase", Iterations = 1000 };
        var first = await FolderBackup.RunAsync(set, TimeProvider.System, default);
        foreach (var uid in (string[])["2.999.8.1", "2.999.8.2"]) await EraseAsync(uid);

        // The first is sent again: it is another study, with a key of its own.
        foreach (var uid in (string[])["2.999.8.1", "2.999.8.3"]) await StoreAsync(technician, file, uid, 1);
        var anew = (await CatalogOf(_edge.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value;
        await FolderBackup.RunAsync(set, TimeProvider.System, default);
        await _edge.Services.GetRequiredService<Replica>().StepAsync(default);
        await _edge.StopAsync();

        var data = Path.Combine(_edge.Data, "back");
        var restore = new RestoreOptions(set.To, data) { Passphrase = set.Passphrase, At = first.At };
        Assert.Equal(ExitCode.Done, await RestoreCommand.RunAsync(restore, verify: true, json: false, default, new DirectoryInfo(Path.Combine(_edge.Data, "second")), new DirectoryInfo(Path.Combine(_edge.Data, "third"))));
        await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
        Assert.Equal((anew.CreatedAt, 1), (await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value is var found ? (found.CreatedAt, found.Instances()) : default);
        Assert.Null(await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.2", default));
        Assert.Equal(1, (await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.3", default))!.Value.Instances());
    }

    /// <summary>Otherwise the catalog would be made again without what the damaged index describes.</summary>
    [Fact]
    public async Task LostDisk_WhatTheBackupHasDamagedOrLost_IsTakenFromTheSecondCopies()
    {
        using var technician = await _edge.ClientAsync("technician");
        var file = DemoInstance.Load(_edge.Demo)[0];
        foreach (var uid in (string[])["2.999.8.1", "2.999.8.2"]) await StoreAsync(technician, file, uid, 1);
        var set = new BackupOptions(Path.Combine(_edge.Data, "host"), Path.Combine(_edge.Data, "set")) { Passphrase = "a long passphrase", Iterations = 1000 };
        await DrainAsync();
        await FolderBackup.RunAsync(set, TimeProvider.System, default);
        await StoreAsync(technician, file, "2.999.8.1", 2);
        await DrainAsync();
        await _edge.StopAsync();
        var pooled = Directory.EnumerateFiles(Path.Combine(set.To, "objects"), "*", SearchOption.AllDirectories).Where(path => path.EndsWith(".index", StringComparison.Ordinal) || path.EndsWith(".pack", StringComparison.Ordinal)).ToArray();
        Assert.Equal(4, pooled.Length);
        foreach (var path in pooled[..^1])
        {
            var bytes = await File.ReadAllBytesAsync(path);
            bytes[^20] ^= 4;
            await File.WriteAllBytesAsync(path, bytes);
        }

        File.Delete(pooled[^1]);
        var (second, third) = (new DirectoryInfo(Path.Combine(_edge.Data, "second")), new DirectoryInfo(Path.Combine(_edge.Data, "third")));
        var restore = new RestoreOptions(set.To, Path.Combine(_edge.Data, "back")) { Passphrase = set.Passphrase };
        Assert.Equal(ExitCode.Done, await RestoreCommand.RunAsync(restore, verify: true, json: false, default, second, third));
        await using (var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(restore.To), default))
            Assert.Equal((2, 1), ((await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value.Instances(), (await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.2", default))!.Value.Instances()));

        // A second copy that is damaged too stands for nothing.
        var bad = Path.Combine(second.FullName, Path.GetRelativePath(Path.Combine(set.To, "objects"), pooled[0]));
        await File.WriteAllBytesAsync(bad, await File.ReadAllBytesAsync(pooled[0]));
        Assert.Equal(ExitCode.Partial, await RestoreCommand.RunAsync(restore with { To = Path.Combine(_edge.Data, "again") }, verify: false, json: false, default, second, third));
    }

    /// <summary>With no list that knows of the erasure: that the second place has another key says so.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LostDisk_KeysWereReplacedSince_TakesWhatTheNewOnesOpen(bool sealedAnew)
    {
        using var technician = await _edge.ClientAsync("technician");
        var file = DemoInstance.Load(_edge.Demo)[0];
        foreach (var number in (int[])[1, 2]) await StoreAsync(technician, file, "2.999.8.1", number);
        var key = (await CatalogOf(_edge.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value.StudyKey;
        await DrainAsync();
        var set = new BackupOptions(Path.Combine(_edge.Data, "host"), Path.Combine(_edge.Data, "set")) { Passphrase = "a long passphrase", Iterations = 1000 };
        await FolderBackup.RunAsync(set, TimeProvider.System, default);
        var keys = _edge.Services.GetRequiredService<StudyKeys>();
        var old = await keys.IdsAsync("demo", key, default);
        if (sealedAnew)
        {
            await keys.AddKeyAsync("demo", key, TimeProvider.System.GetUtcNow(), default);
            Assert.Equal(ResealOutcome.Resealed, await _edge.Services.GetRequiredService<SeriesMerge>().ResealAsync("demo", key, SealOptions.Default, default));
            foreach (var text in old) Assert.True(KeyId.TryParse(text, out var id) && await keys.RemoveKeyAsync("demo", key, id, default));
        }
        else
        {
            await EraseAsync("2.999.8.1");
            await StoreAsync(technician, file, "2.999.8.1", 3);
        }

        var expected = (await CatalogOf(_edge.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value;
        await DrainAsync();
        await _edge.StopAsync();
        var restore = new RestoreOptions(set.To, Path.Combine(_edge.Data, "back")) { Passphrase = set.Passphrase };
        var (second, third) = (new DirectoryInfo(Path.Combine(_edge.Data, "second")), new DirectoryInfo(Path.Combine(_edge.Data, "third")));
        Assert.Equal(ExitCode.Done, await RestoreCommand.RunAsync(restore, verify: true, json: false, default, second, third));
        await using (var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(restore.To), default))
        {
            var found = (await CatalogOf(archive.Services).GetStudyAsync("demo", "2.999.8.1", default))!.Value;
            Assert.Equal((expected.CreatedAt, sealedAnew ? 2 : 1), (found.CreatedAt, found.Instances()));
        }

        // A replica that lags behind its keys has less than the backup, which is told.
        if (!sealedAnew) return;
        Directory.Delete(Path.Combine(second.FullName, "demo", key), recursive: true);
        Assert.Equal(ExitCode.Partial, await RestoreCommand.RunAsync(restore with { To = Path.Combine(_edge.Data, "less") }, verify: false, json: false, default, second, third));
    }

    private async Task DrainAsync()
    {
        await _edge.Services.GetRequiredService<JournalDrain>().DrainAllAsync(default);
        await _edge.Services.GetRequiredService<Replica>().StepAsync(default);
    }

    private static ICatalog CatalogOf(IServiceProvider services) => services.GetRequiredService<ICatalog>();

    private static async Task StoreAsync(HttpClient technician, DemoInstance file, string uid, int number)
    {
        var instance = file.With(dataset => dataset.Set(DicomTags.StudyInstanceUID, Vr.UI, uid).Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{uid}.1").Set(DicomTags.SOPInstanceUID, Vr.UI, $"{uid}.1.{number}"));
        using var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", instance.Bytes);
        Assert.True(stored.IsSuccessStatusCode);
    }

    private async Task EraseAsync(string uid)
    {
        var key = (await CatalogOf(_edge.Services).GetStudyAsync("demo", uid, default))!.Value.StudyKey;
        var requests = _edge.Services.GetRequiredService<ErasureRequests>();
        var asked = await requests.RequestAsync("demo", key, ErasureBasis.ReceivedInError, "2026-1", "demo/records", false, null, default);
        await requests.ApproveAsync("demo", asked.Erasure!.Id, "demo/second", default);
        var erasure = _edge.Services.GetRequiredService<Erasure>();
        while (await erasure.StepAsync("demo", asked.Erasure.Id, default)) Assert.NotNull(await erasure.GetAsync("demo", asked.Erasure.Id, default));
    }

    [Fact]
    public async Task Erase_LeavesTheWrappedKeyInNoFileOfEitherPlace()
    {
        using var technician = await _edge.ClientAsync("technician");
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        var key = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", file.Study, default))!.Value.StudyKey;
        var record = (await _edge.Services.GetRequiredService<IKeyRecordStore>().GetAsync("demo", key, default))!;
        var wrapped = Encoding.UTF8.GetBytes(Convert.ToBase64String(record.Record.Keys[0].Wrapped).Split('+', '/', '=').MaxBy(piece => piece.Length)!);
        Assert.NotEmpty(FilesWith(wrapped, "third"));

        var requests = _edge.Services.GetRequiredService<ErasureRequests>();
        var asked = await requests.RequestAsync("demo", key, ErasureBasis.ReceivedInError, "2026-1", "demo/records", false, null, default);
        await requests.ApproveAsync("demo", asked.Erasure!.Id, "demo/second", default);
        var erasure = _edge.Services.GetRequiredService<Erasure>();
        while (await erasure.StepAsync("demo", asked.Erasure.Id, default)) Assert.NotNull(await erasure.GetAsync("demo", asked.Erasure.Id, default));
        Assert.Equal(ErasureStatus.Erased, (await erasure.GetAsync("demo", asked.Erasure.Id, default))!.Value.Status);
        Assert.Empty(FilesWith(wrapped, ""));
    }

    /// <summary>Files below the data folder that hold these bytes.</summary>
    private string[] FilesWith(byte[] bytes, string folder) =>
        [.. Directory.EnumerateFiles(Path.Combine(_edge.Data, folder), "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "lock" && Read(path).AsSpan().IndexOf(bytes) >= 0)];

    /// <summary>Also of a file that the host has open.</summary>
    private static byte[] Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private async Task<string> FirstPackAsync()
    {
        await foreach (var name in _edge.Services.GetRequiredService<IObjectStore>().ListAsync("demo/", default))
            if (name.EndsWith(".pack", StringComparison.Ordinal)) return name;
        throw new InvalidOperationException("There is no pack.");
    }

    [Fact]
    public async Task SecondPlaces_TakenAwayUnderTheHost_AreMissed_AndNothingNewIsSealedWithoutThem()
    {
        using var technician = await _edge.ClientAsync("technician");
        using var anyone = new HttpClient { BaseAddress = _edge.Address };
        var files = DemoInstance.Load(_edge.Demo);
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files[0].Bytes)) Assert.True(stored.IsSuccessStatusCode);
        Assert.DoesNotContain("is gone", await anyone.GetStringAsync("health/ready"), StringComparison.Ordinal);

        Directory.Delete(Path.Combine(_edge.Data, "second"), recursive: true);
        Assert.Contains("the folder of second copies is gone", await anyone.GetStringAsync("health/ready"), StringComparison.Ordinal);

        Directory.Delete(Path.Combine(_edge.Data, "third"), recursive: true);
        Assert.Contains("the second place of key records is gone", await anyone.GetStringAsync("health/ready"), StringComparison.Ordinal);
        using var refused = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.First(file => file.Study != files[0].Study).Bytes);
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Contains("notReplicated", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // Another file in its place is not it.
        Directory.CreateDirectory(Path.Combine(_edge.Data, "third"));
        await File.WriteAllTextAsync(Path.Combine(_edge.Data, "third", "keys.db"), "");
        Assert.Contains("the second place of key records is gone", await anyone.GetStringAsync("health/ready"), StringComparison.Ordinal);
    }

    private sealed class Host : EdgeFixture
    {
        protected override IEnumerable<KeyValuePair<string, string?>> Settings =>
        [
            // The test scrubs itself: a pass of the timer that has just ended would leave the damage for a month.
            new("Skylight:Integrity:Scrub", "false"),
            new("Skylight:Replica:Folder", Path.Combine(Data, "second")), new("Skylight:Replica:KeyFolder", Path.Combine(Data, "third")),
        ];
    }
}
