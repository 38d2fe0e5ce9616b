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
    public async Task Load_OfManyStudies_GivesTheRowsThatOneByOneGives()
    {
        for (var n = 0; n < 40; n++) await Put(Study(n));
        var one = Dump();
        await using var database = SqliteDatabase.Open(Path.Combine(_folder, "loaded.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        await new SqliteCatalog(database).LoadAsync(Enumerable.Range(0, 25).Select(n => StudyChange.Of(null, Study(n), []).Document), default);
        await new SqliteCatalog(database).LoadAsync(Enumerable.Range(25, 15).Select(n => StudyChange.Of(null, Study(n), []).Document), default);
        Assert.Equal(one, Dump(database));
    }

    [Fact]
    public async Task RenewTerms_OfAnOlderFile_GivesEveryTermAgain_Once()
    {
        for (var n = 0; n < 40; n++) await Put(Study(n));
        var before = Dump();
        await _database.WriteAsync(
            static connection => SqliteDatabase.Run(connection, """
                DROP TABLE terms;
                CREATE TABLE terms(pk TEXT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, sort TEXT NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(pk, kind, value, sort, id)) WITHOUT ROWID;
                CREATE INDEX terms_by_study ON terms(n, kind, value);
                INSERT INTO terms SELECT pk, 0, '', '', id, n FROM studies;
                DELETE FROM name_tails;
                """),
            default);
        await _catalog.RenewTermsAsync(default);
        Assert.Equal(before, Dump());
        await _database.WriteAsync(static connection => SqliteDatabase.Run(connection, "DELETE FROM terms WHERE kind=19"), default);
        await _catalog.RenewTermsAsync(default);
        Assert.NotEqual(before, Dump());
    }

    [Fact]
    public async Task Apply_ChangesOfEveryKind_LeavesTheTermsOfTheDocumentAsItIsNow()
    {
        Func<StudyDocument, StudyDocument>[] changes =
        [
            static study => study with { State = StudyState.Receiving },
            static study => study with { State = StudyState.Complete },
            static study => study with { Tags = ["teaching"], Level = 2 },
            static study => study with { Tags = [.. Enumerable.Range(0, 20).Select(n => $"tag{n}")] },
            static study => study with { Tags = [] },
            static study => study with { Attributes = study.Attributes with { PatientName = "Wang^Li" } },
            static study => study with { Attributes = study.Attributes with { StudyDate = "20200101" } },
            static study => study with { Hidden = true },
            static study => study with { Hidden = false },
        ];
        var current = StudyChange.Of(null, Study(1), []);
        await _catalog.ApplyAsync(current, default);
        for (var i = 0; i < changes.Length; i++)
        {
            current = StudyChange.Of(current.Document, changes[i](current.Document), []);
            await _catalog.ApplyAsync(current, default);
            await using var fresh = SqliteDatabase.Open(Path.Combine(_folder, $"fresh{i}.db"), SqliteDurability.Full, SqliteCatalog.Schema);
            await new SqliteCatalog(fresh).ApplyAsync(StudyChange.Of(null, current.Document, []), default);
            Assert.Equal(Dump(fresh)[..^1], Dump()[..^1]);
        }
    }

    private List<string> Dump(SqliteDatabase? database = null) => (database ?? _database).Read(static connection =>
    {
        var rows = new List<string>();
        foreach (var sql in (string[])["SELECT pk||kind||value||sort||n FROM terms ORDER BY 1", "SELECT kind||value||n FROM terms INDEXED BY terms_by_study ORDER BY 1", "SELECT pk||tail||name FROM name_tails ORDER BY 1", "SELECT n||id||uid||revision FROM studies ORDER BY 1"])
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            using var reader = command.ExecuteReader();
            while (reader.Read()) rows.Add(reader.GetString(0));
        }

        return rows;
    });

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

    [Fact]
    public async Task Remove_AmongManyStudies_LeavesNoTraceInTheFile()
    {
        // Enough for pages to split and merge around it, with the study written in the middle and changed while others come and go.
        for (var i = 0; i < 400; i++) await Put(Study(i));
        var secret = Study(500) with { Attributes = Study(500).Attributes with { PatientName = "Quxiaoming^Erased=屈晓明", PatientId = "SECRET-ID", StudyDescription = new string('x', 3000) + "SECRET-ID" } };
        var change = StudyChange.Of(null, secret, []);
        await Catalog.ApplyAsync(change, default);
        for (var i = 400; i < 480; i++) await Put(Study(i));
        for (var i = 0; i < 20; i++)
        {
            change = StudyChange.Of(change.Document, change.Document with { Level = 1 + (i % 5), Tags = [new string('t', 37 * i)] }, []);
            await Catalog.ApplyAsync(change, default);
            await Catalog.RemoveAsync(A, Study(i * 7).StudyKey, "1", [], default);
        }

        Assert.True(await Catalog.RemoveAsync(A, secret.StudyKey, change.Document.ETag(), [], default));
        await _database.PurgeAsync(default);
        foreach (var file in Directory.EnumerateFiles(_folder))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            foreach (var text in new[] { "Quxiaoming", "quxiaoming", "屈晓明", "SECRET-ID", secret.StudyKey })
                Assert.True(bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(text)) < 0, $"{text} in {Path.GetFileName(file)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
