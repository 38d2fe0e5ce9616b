using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Statistics;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Statistics;

public sealed class StatisticsTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();
    private StatisticsKeeper _keeper = null!;
    private SavedStatistics _saved = null!;

    public async ValueTask InitializeAsync()
    {
        var institutions = new InstitutionDirectory(_bench.Documents);
        await institutions.PutAsync(new(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.None, default);
        _keeper = new StatisticsKeeper(_bench.Catalog, _bench.Documents, institutions, _bench.Time, NullLogger<StatisticsKeeper>.Instance);
        _saved = new SavedStatistics(_bench.Documents, _keeper, _bench.Time);
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Counts_FollowMarkedStudies_AndASavedResultKeepsForAWhile()
    {
        await SendAsync("1.2.3", "20260301", "CT", 2);
        await SendAsync("1.2.4", "20260301", "MR", 1);
        await SendAsync("1.2.5", "20260410", "CT", 1);
        Assert.Equal(2, await _keeper.CountMarkedAsync(default));
        Assert.Equal(0, await _keeper.CountMarkedAsync(default));
        (var id, _) = await _saved.AddAsync(IngestBench.A, new StatisticsDefinition(1, "by modality", [StatisticsDimension.Modality], null, null, null, null), null, default);
        Assert.Equal(["CT 2 3", "MR 1 1"], await LinesAsync(id));
        Assert.Equal(["202603 2 3", "202604 1 1"], await LinesAsync((await _saved.AddAsync(IngestBench.A, new StatisticsDefinition(1, "by month", [StatisticsDimension.Month], null, null, null, null), null, default)).Id));
        Assert.Equal([" 1 2"], await LinesAsync((await _saved.AddAsync(IngestBench.A, new StatisticsDefinition(1, "CT in March", [], "20260301", "20260331", "CT", null), null, default)).Id));

        // A study more: the kept result is given for ten minutes, then the counts of now.
        await SendAsync("1.2.6", "20260301", "MR", 4);
        await _keeper.CountMarkedAsync(default);
        Assert.Equal(["CT 2 3", "MR 1 1"], await LinesAsync(id));
        _bench.Time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(["CT 2 3", "MR 2 5"], await LinesAsync(id));
        var result = (await _saved.ResultAsync(IngestBench.A, id, refresh: false, default))!.Result!;
        Assert.Equal(_bench.Time.GetUtcNow(), result.CountedAt);
        Assert.Equal((await _bench.Study("1.2.4")).Series.Sum(series => series.Bytes) * 5, result.Rows[1].Bytes);
    }

    [Fact]
    public void Counts_ByBodyPartAndDepartment_TellNobodyApart()
    {
        var cells = new[]
        {
            new StatisticsCell(new StatisticsKey("CT", StorageTier.Hot, 4, "a", StudyState.Complete, "CHEST+HEAD", "放射科"), 11, 11, 11),
            new StatisticsCell(new StatisticsKey("CT", StorageTier.Hot, 4, "a", StudyState.Complete, "HEAD", "急诊科"), 9, 9, 9),
            new StatisticsCell(new StatisticsKey("MR", StorageTier.Hot, 4, "a", StudyState.Complete, "KNEE", ""), 1, 1, 1),
        };
        Assert.Equal(["CHEST 11", "HEAD 20"], Rows(StatisticsDimension.BodyPart));
        Assert.Equal(["放射科 11", "other 10"], Rows(StatisticsDimension.Department));
        Assert.Equal(["CT 20", "MR 1"], Rows(StatisticsDimension.Modality));

        string[] Rows(StatisticsDimension by) =>
            [.. SavedStatistics.Count(new StatisticsDefinition(1, "", [by], null, null, null, null), [new DayStatistics(1, "20260301", default, cells)], default).Rows.Select(row => $"{row.Keys[0]} {row.Studies}")];
    }

    [Fact]
    public async Task Counts_TakeTheDepartmentOfTheFile_ElseWhoAskedForIt()
    {
        await _bench.SendOne(TestDicom.Ct().Set(0x00081040, "LO", "放射科").Set(0x00321033, "LO", "急诊科").Set(0x00180015, "CS", "CHEST"));
        await _bench.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1").Set(0x00321033, "LO", "急诊科"));
        await _keeper.ReconcileAsync(IngestBench.A, default);
        var cells = Assert.Single(await _keeper.DaysAsync(IngestBench.A, default)).Cells;
        Assert.Equal([("CHEST", "放射科"), ("", "急诊科")], cells.Select(cell => (cell.Key.BodyParts, cell.Key.Department)).OrderByDescending(key => key.BodyParts, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Reconcile_FindsWhatNoMarkHasTold_AndThenNothing()
    {
        await SendAsync("1.2.3", "20260301", "CT", 1);
        await SendAsync("1.2.4", "20260302", "CT", 1);
        await _bench.SendOne(TestDicom.Ct(study: "1.2.5", series: "1.2.5.1", sop: "1.2.5.1.1").Remove(0x00080020));
        await _keeper.CountMarkedAsync(default);

        // Level and date change without anybody saying so, and one study is without a date.
        var study = await _bench.Study();
        await _bench.Catalog.ApplyAsync(StudyChange.Of(study, study with { Level = 5, Attributes = study.Attributes with { StudyDate = "20260303" } }, []), default);
        Assert.Equal(new Reconciliation(1, _bench.Time.GetUtcNow(), 3, 4, 3), await _keeper.ReconcileAsync(IngestBench.A, default));
        Assert.Equal(0, (await _keeper.ReconcileAsync(IngestBench.A, default)).Drifted);
        Assert.Equal(3, (await _keeper.LastAsync(IngestBench.A, default))!.Studies);
        Assert.Equal(
            ["20260302 4 1 1", "20260303 5 1 1", "none 4 1 1"],
            await LinesAsync((await _saved.AddAsync(IngestBench.A, new StatisticsDefinition(1, "x", [StatisticsDimension.Day, StatisticsDimension.Level], null, null, null, null), null, default)).Id));
    }

    [Fact]
    public void Faults_NameTheFields()
    {
        Assert.Empty(new StatisticsDefinition(1, "x", [StatisticsDimension.Day], "20260301", null, "CT", StorageTier.Archive).Faults());
        Assert.Equal(["name", "by", "from", "to"], new StatisticsDefinition(1, "", [StatisticsDimension.Day, StatisticsDimension.Day], "2026", "20261399", null, null).Faults());
    }

    private async Task SendAsync(string study, string date, string modality, int count)
    {
        for (var i = 0; i < count; i++)
            await _bench.SendOne(TestDicom.Ct(study: study, series: $"{study}.1", sop: $"{study}.1.{i}").Set(0x00080020, "DA", date).Set(0x00080060, "CS", modality));
        await _keeper.MarkAsync(IngestBench.A, (await _bench.Study(study)).StudyKey, default);
    }

    private async Task<string[]> LinesAsync(string id) =>
        [.. (await _saved.ResultAsync(IngestBench.A, id, refresh: false, default))!.Result!.Rows.Select(row => $"{string.Join(' ', row.Keys)} {row.Studies} {row.Instances}")];
}
