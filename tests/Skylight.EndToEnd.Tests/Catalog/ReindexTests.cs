using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.EndToEnd.Tests.DicomWeb;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.EndToEnd.Tests.Catalog;

/// <summary><c>skylight reindex</c> on the data folder of a real host whose catalog is gone.</summary>
public sealed class ReindexTests
{
    [Fact]
    public async Task Reindex_OfAFolderWithoutItsCatalog_BringsEveryStudyBack()
    {
        var edge = new EdgeFixture();
        await edge.InitializeAsync();
        try
        {
            var files = DemoInstance.Load(edge.Demo);
            using (var uploader = await edge.ClientAsync("uploader"))
                (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes))).EnsureSuccessStatusCode();
            var catalog = edge.Services.GetRequiredService<ICatalog>();
            var before = new List<StudyDocument>();
            foreach (var uid in files.Select(f => f.Study).Distinct()) before.Add((await catalog.GetStudyAsync("demo", uid, default))!.Value);
            var refused = await Assert.ThrowsAsync<CliException>(() => ReindexCommand.RunAsync(edge.Folder, null, write: true, default));
            Assert.Equal(ExitCode.Usage, refused.ExitCode);
            await edge.StopAsync();

            SqliteConnection.ClearAllPools();
            foreach (var file in edge.Folder.GetFiles("catalog.db*")) file.Delete();
            var report = await ReindexCommand.RunAsync(edge.Folder, null, write: true, default);
            Assert.Equal((4, files.Count), (report.Studies, report.Instances));
            Assert.True(report.Ok, JsonSerializer.Serialize(report, DocumentJson.Options));
            Assert.True((await ReindexCommand.RunAsync(edge.Folder, null, write: false, default)).Ok);

            await using var archive = await OfflineArchive.OpenAsync(edge.Folder, default);
            var rebuilt = archive.Services.GetRequiredService<ICatalog>();
            foreach (var study in before)
                Assert.Empty(DerivedFields.Differences((await rebuilt.GetStudyAsync("demo", study.StudyInstanceUid, default))!.Value, study).Except(["series"]));
            Assert.Single((await rebuilt.QueryStudiesAsync("demo", new StudyQuery { Keywords = Keywords.Parse("张伟")! }, 10, 0, null, default)).Items);
        }
        finally
        {
            await edge.DisposeAsync();
        }
    }
}
