using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local.Backup;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>Erasures of a host whose catalog is made again from the archive alone.</summary>
public sealed class ReindexedRestoreTests(EdgeFixture edge) : IClassFixture<EdgeFixture>, IDisposable
{
    private const string Passphrase = "a long passphrase", Whole = "2.999.8.1", Part = "2.999.8.2";

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-backup-").FullName;

    private string Set => Path.Combine(_folder, "set");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Restore_OfABackupOlderThanErasureAndReindex_StaysErased()
    {
        await StoreAsync(Whole, 2);
        await StoreAsync(Part, 3);
        var before = await BackupAsync();
        await EraseAsync(new RetrieveTarget(Whole));
        await EraseAsync(new RetrieveTarget(Part, $"{Part}.1", $"{Part}.1.2"));
        await edge.StopAsync();
        SqliteConnection.ClearAllPools();
        foreach (var file in edge.Folder.GetFiles("catalog.db*")) file.Delete();
        Assert.Empty((await ReindexCommand.RunAsync(edge.Folder, null, write: true, default)).Unreadable);
        await edge.StartAsync();

        // Nobody knows its holds any more.
        var left = (await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", Part, default))!.Value;
        Assert.Equal((2, true), (left.Instances(), left.HoldsUnknownSince is not null));
        Assert.Null(await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", Whole, default));

        // Also before anything else is stored.
        await BackupAsync();
        foreach (var at in (DateTimeOffset?[])[before.At, null])
        {
            var data = Path.Combine(_folder, at is null ? "newest" : "older");
            Assert.Equal(0, await RestoreCommand.RunAsync(new RestoreOptions(Set, data) { Passphrase = Passphrase, At = at }, verify: true, json: false, default));
            await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), default);
            var catalog = archive.Services.GetRequiredService<ICatalog>();
            Assert.Null(await catalog.GetStudyAsync("demo", Whole, default));
            Assert.Equal(2, (await catalog.GetStudyAsync("demo", Part, default))!.Value.Instances());
            var erased = await archive.Services.GetRequiredService<Erasure>().ListErasedAsync(default);
            Assert.Equal(2, erased.Count);
            foreach (var erasure in erased) Assert.False(await archive.Services.GetRequiredService<ErasedContent>().IsBackAsync(erasure, default));
        }
    }

    private Task<BackupManifest> BackupAsync() =>
        FolderBackup.RunAsync(new BackupOptions(edge.Folder.FullName, Set) { Passphrase = Passphrase, Iterations = 1000 }, TimeProvider.System, default);

    /// <summary>After the catalog has come to say another beginning of the study than the backup says, as one has it that was made again from indexes that do not say it.</summary>
    private async Task EraseAsync(RetrieveTarget target)
    {
        var services = edge.Services;
        CommitOutcome outcome;
        do
        {
            var study = (await services.GetRequiredService<ICatalog>().GetStudyAsync("demo", target.StudyInstanceUid, default))!.Value;
            outcome = await services.GetRequiredService<ICommit>().CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { CreatedAt = study.CreatedAt.AddSeconds(1) }), []), default);
        }
        while (outcome == CommitOutcome.Conflict);
        var deletion = (await services.GetRequiredService<Deletions>().DeleteAsync("demo", target, DeletionReason.ReceivedInError, "demo/one", default)).Record!;
        var requests = services.GetRequiredService<ErasureRequests>();
        var asked = (await requests.RequestAsync("demo", deletion.StudyKey, ErasureBasis.ReceivedInError, null, "demo/one", false, deletion, default)).Erasure!;
        await requests.ApproveAsync("demo", asked.Id, "demo/two", default);
        var more = true;
        while (more) more = await services.GetRequiredService<Erasure>().StepAsync("demo", asked.Id, default);
    }

    private async Task StoreAsync(string uid, int count)
    {
        using var technician = await edge.ClientAsync("technician");
        var file = DemoInstance.Load(edge.Demo)[0];
        var files = Enumerable.Range(1, count).Select(i => file.With(dataset => dataset
            .Set(DicomTags.StudyInstanceUID, Vr.UI, uid).Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{uid}.1").Set(DicomTags.SOPInstanceUID, Vr.UI, $"{uid}.1.{i}")).Bytes);
        using var answer = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.ToArray());
        Assert.True(answer.IsSuccessStatusCode);
    }
}
