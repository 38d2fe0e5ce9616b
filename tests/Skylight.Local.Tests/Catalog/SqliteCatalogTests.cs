using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Catalog;

public sealed class SqliteCatalogTests : CatalogConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;
    private readonly SqliteCatalog _catalog;

    public SqliteCatalogTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        _catalog = new SqliteCatalog(_database);
    }

    protected override ICatalog Catalog => _catalog;

    [Fact]
    public async Task Replay_OfOldAndRepeatedChanges_KeepsTheNewestState()
    {
        var first = StudyChange.Of(null, Study(1), []);
        var second = StudyChange.Of(first.Document, first.Document with { Level = 2 }, []);
        foreach (var (change, sequence) in new[] { (first, 1), (second, 2), (first, 1), (second, 2) }) await _catalog.ReplayAsync(change, sequence, default);
        await _catalog.FlushAsync(default);
        Assert.Equal(2, _catalog.AppliedSequence());
        Assert.Equal((2, 2), (await _catalog.GetStudyByKeyAsync(A, first.Document.StudyKey, default))!.Value is var study ? ((int)study.Revision, study.Level) : default);
    }

    [Fact]
    public async Task Query_AmongManyStudies_ReadsOnlyItsPage()
    {
        for (var i = 0; i < 3000; i += 500) await Task.WhenAll(Enumerable.Range(i, 500).Select(n => Put(Study(n))));
        // Conditions that match everything must not be gathered: their plans walk an index and stop at the page.
        foreach (var query in new[] { new StudyQuery(), new StudyQuery { PatientName = "*a*" }, new StudyQuery { ModalitiesInStudy = ["CT"] }, new StudyQuery { PatientName = "zhang*", ModalitiesInStudy = ["CT"] } })
        {
            var page = await _catalog.QueryStudiesAsync(A, query, 10, 0, null, default);
            Assert.Equal(10, page.Items.Count);
            Assert.NotNull(page.Continuation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
