using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Catalog;

/// <summary>The catalog made again from the archive is the one that ingest made, in everything that the archive can tell.</summary>
public sealed class CatalogRebuildTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();
    private readonly SqliteDatabase _file = SqliteDatabase.Open(Path.Combine(Directory.CreateTempSubdirectory("skylight-").FullName, "catalog.db"), SqliteDurability.Full, SqliteCatalog.Schema);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        await _file.DisposeAsync();
    }

    [Fact]
    public async Task Rebuild_OfEveryKindOfStudy_IsEqualInAllThatCanBeDerived()
    {
        await FillAsync();
        var catalog = new SqliteCatalog(_file);
        var keys = await _bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default);
        Assert.True(keys.Count >= 5);
        var report = await Rebuild(catalog).RunAsync(null, write: true, default);
        Assert.Empty(report.Unreadable);
        Assert.Equal(0, report.Records);
        Assert.Equal(keys, await catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default));
        foreach (var key in keys)
        {
            var before = (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value;
            var after = (await catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value;
            Assert.True(!DerivedFields.Differences(after, before).Any(), $"{string.Join(' ', DerivedFields.Differences(after, before))}\n{Json(before)}\n{Json(after)}");
            Assert.True(after.Revision > before.Revision);
            Assert.Equal(await EntriesAsync(before), await EntriesAsync(after));
        }

        Assert.Equal(await RowsAsync(_bench.Catalog), await RowsAsync(catalog));
        Assert.Equal(await FindAsync(_bench.Catalog, "zhang"), await FindAsync(catalog, "zhang"));

        // Both compare equal, and doing it again changes nothing.
        Assert.True((await Rebuild(catalog).RunAsync(null, write: false, default)).Ok);
        var own = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
        Assert.True(own.Ok, string.Join('\n', own.Different));
        await Rebuild(catalog).RunAsync(null, write: true, default);
        Assert.True((await Rebuild(catalog).RunAsync(null, write: false, default)).Ok);
    }

    [Fact]
    public async Task Revision_OfTheSamePixelsInMoreFrames_IsCountedAsARebuildCountsIt()
    {
        await _bench.SendOne(TestDicom.Ct());
        Assert.Equal(1, (await _bench.Study()).Series[0].Frames);
        foreach (var (frames, rows, columns) in new (int, ushort, ushort)[] { (2, 1, 2), (4, 1, 1), (1, 1, 4) })
        {
            await _bench.SendOne(TestDicom.Ct().With(file => file.Set(0x00280008, "IS", $"{frames}").Us(0x00280010, rows).Us(0x00280011, columns)));
            Assert.Equal((1, frames), ((await _bench.Study()).Series[0].Instances, (int)(await _bench.Study()).Series[0].Frames));
            var report = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
            Assert.True(report.Ok, string.Join('\n', report.Different));
        }
    }

    [Theory]
    [InlineData("^^^^")]
    [InlineData("=^^= ^ ")]
    public async Task Rebuild_OfANameOfNothingButDelimiters_HasNoneAsIngestHasNone(string name)
    {
        await _bench.SendOne(TestDicom.Ct().With(file => file.Set(0x00100010, "PN", name)));
        Assert.Null((await _bench.Study()).Attributes.PatientName);
        var report = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
        Assert.True(report.Ok, string.Join('\n', report.Different));
    }

    [Fact]
    public async Task Rebuild_WithABackup_CarriesLevelsTagsAndHolds()
    {
        await _bench.SendOne(TestDicom.Ct());
        var study = await _bench.Study();
        await _bench.Catalog.ApplyAsync(StudyChange.Of(study, study with { Level = 5, Tags = ["infectious"], Categories = ["checkup"], Hold = true }, []), default);
        var catalog = new SqliteCatalog(_file);
        await Rebuild(catalog).RunAsync(_bench.Catalog, write: true, default);
        var after = (await catalog.GetStudyByKeyAsync(IngestBench.A, study.StudyKey, default))!.Value;
        Assert.Equal((5, "infectious", "checkup", true), (after.Level, after.Tags[0], after.Categories[0], after.Hold));
    }

    [Fact]
    public async Task Rebuild_OfACorrectedStudy_ShowsTheCorrectionsInForce()
    {
        await using var lifecycle = new LifecycleBench(ingest: _bench);
        await _bench.SendOne(TestDicom.Ct());
        var order = new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, "old HIS", new Dictionary<string, string> { ["PatientName"] = "Zhang^Sanfeng" });
        var proposed = await lifecycle.Corrections.ProposeAsync(IngestBench.A, (await _bench.Study()).StudyKey, order, LifecycleBench.By, null, default);
        await lifecycle.Corrections.ApproveAsync(IngestBench.A, proposed.Record!.Correction.Id, $"{IngestBench.A}/second", default);
        var before = await _bench.Study();

        var catalog = new SqliteCatalog(_file);
        Assert.Empty((await Rebuild(catalog).RunAsync(null, write: true, default)).Unreadable);
        var after = (await catalog.GetStudyByKeyAsync(IngestBench.A, before.StudyKey, default))!.Value;
        Assert.Equal(("Zhang^Sanfeng", before.Corrections), (after.Attributes.PatientName, after.Corrections));
        Assert.Equal([before.StudyKey], await FindAsync(catalog, "sanfeng"));
        var own = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
        Assert.True(own.Ok, string.Join('\n', own.Different));
    }

    [Fact]
    public async Task Compare_WithACatalogThatIsWrong_NamesStudyAndField()
    {
        await _bench.SendOne(TestDicom.Ct());
        var study = await _bench.Study();
        await _bench.Catalog.ApplyAsync(StudyChange.Of(study, study with { Attributes = study.Attributes with { PatientId = "other" } }, []), default);
        var report = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
        Assert.Equal($"{IngestBench.A}/{study.StudyKey}: attributes", Assert.Single(report.Different));
        Assert.Equal($"{IngestBench.A}/{study.StudyKey}: missing", Assert.Single((await Rebuild(new SqliteCatalog(_file)).RunAsync(null, write: false, default)).Different));
    }

    [Fact]
    public async Task Rebuild_WithADamagedIndex_SaysSo_AndBringsTheOthersBack()
    {
        await _bench.SendOne(TestDicom.Ct());
        await _bench.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        var index = (await _bench.Objects()).First(name => name.EndsWith(".index", StringComparison.Ordinal));
        await _bench.Folder.DeleteAsync(index, default);
        await using (var writer = await _bench.Folder.CreateAsync(index, default))
        {
            await writer.WriteAsync(new byte[200], default);
            await writer.CommitAsync(default);
        }

        var report = await Rebuild(new SqliteCatalog(_file)).RunAsync(null, write: true, default);
        Assert.Equal(1, report.Studies);
        Assert.Equal(index, Assert.Single(report.Unreadable));
    }

    /// <summary>Revisions of several trusts, a held instance and one that was accepted, a provisional study, a merged series with late parts, an emergency patient, a report.</summary>
    private async Task FillAsync()
    {
        for (var i = 1; i <= 6; i++) await _bench.SendOne(Slice("1.2.3", i));
        await _bench.SendOne(Slice("1.2.3", 2).Set(0x00081030, "LO", "rewritten"), SourceTrust.Pacs);
        await _bench.SendOne(Slice("1.2.3", 3).Set(0x00081030, "LO", "second"), SourceTrust.Modality);
        await new SeriesMerge(
            _bench.Catalog, _bench.Commit, _bench.Parts, _bench.Store, _bench.Keys, _bench.Packs,
            Retired(), _bench.Time, NullLogger<SeriesMerge>.Instance)
            .MergeAsync(IngestBench.A, (await _bench.Study()).StudyKey, default);
        await _bench.SendOne(Slice("1.2.3", 7));
        await _bench.SendOne(Slice("1.2.3", 7).Set(0x00081030, "LO", "after the merge"));

        await _bench.SendOne(Slice("1.2.4", 1));
        await _bench.SendOne(Slice("1.2.4", 1).With(file => file.Pixels = [9, 9, 9, 9]));
        await _bench.SendOne(Slice("1.2.4", 2));
        var held = await _bench.SendOne(Slice("1.2.4", 2).With(file => file.Pixels = [7, 7, 7, 7]));
        await _bench.Intake.AcceptAsync(IngestBench.A, held.ItemId!, "tech", null, default);

        await _bench.SendOne(Slice("1.2.5", 1));
        await _bench.SendOne(Slice("1.2.5", 2).Set(0x00100020, "LO", "P99").Set(0x00100010, "PN", "Wu^Ming=吴^明"));

        await _bench.SendOne(Slice("1.2.6", 1).Remove(0x00100020).Set(0x00100010, "PN", "Unknown"));
        await _bench.SendOne(Slice("1.2.6", 2).Set(0x00100020, "LO", "P6").Set(0x00100010, "PN", "Wu^Liu"));
    }

    private static TestDicom Slice(string study, int number) => TestDicom.Ct(study: study, series: $"{study}.1", sop: $"{study}.1.{number}").Set(0x00200013, "IS", $"{number}");

    private CatalogRebuild Rebuild(ICatalog catalog) =>
        new(catalog, _bench.Store, _bench.Documents, _bench.Service, _bench.Items, _bench.Parts, _bench.Keys, Retired(), NullLogger<CatalogRebuild>.Instance);

    private RetiredObjects Retired() => new(_bench.Documents, _bench.Catalog, _bench.Parts, _bench.Store, _bench.Time, NullLogger<RetiredObjects>.Instance);

    private async Task<List<string>> EntriesAsync(StudyDocument study) =>
        [.. (await _bench.Entries(study)).Select(entry => $"{entry.SopInstanceUid}/{entry.Revision} {entry.Current} {entry.State} {entry.Pack.Name}@{entry.Offset}").Order(StringComparer.Ordinal)];

    private static async Task<List<string>> RowsAsync(SqliteCatalog catalog) =>
        [.. (await catalog.ListInstancesAsync(IngestBench.A, "", 1000, default)).Select(row => JsonSerializer.Serialize(row with { Origin = 0 }, DocumentJson.Options)).Order(StringComparer.Ordinal)];

    /// <summary>In the order of their keys: studies of one moment are found in the order of their arrival, which a rebuilt catalog has another of.</summary>
    private static async Task<List<string>> FindAsync(SqliteCatalog catalog, string text) =>
        [.. (await catalog.QueryStudiesAsync(IngestBench.A, new StudyQuery { Keywords = Keywords.Parse(text)! }, 100, 0, null, default)).Items.Select(study => study.StudyKey).Order(StringComparer.Ordinal)];

    private static string Json(StudyDocument study) => JsonSerializer.Serialize(study, DocumentJson.Options);
}
