using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Backup;
using Skylight.Local.Catalog;
using Skylight.Local.Journal;
using Skylight.Local.Sqlite;
using Skylight.Local.Tests.Catalog;
using EdgeJournal = Skylight.Local.Journal.Journal;

namespace Skylight.Local.Tests.Backup;

/// <summary>A catalog and its journal are copied so that they fit together, whatever the journal's newest or oldest records are.</summary>
public sealed class JournalSnapshotTests : IAsyncLifetime
{
    private readonly JournaledCatalog _host = new(null);

    public async ValueTask InitializeAsync() => await _host.OpenAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Take_DeletionsWereTheLastRecordsDrained_FindsTheCatalogWhole(bool commitAfter)
    {
        var first = await CommitAsync(1);
        await _host.Store.DeleteAsync(Name(1), default);
        await _host.Store.DeleteAsync(Name(1), default);
        await DrainAsync();
        if (commitAfter) await CommitAsync(2);

        await using var copy = await RestoreAsync();
        Assert.Equal(first.Revision, (await copy.Catalog.GetStudyByKeyAsync("hospital-a", "key00001", default))!.Value.Revision);
        Assert.Equal(commitAfter, await copy.Catalog.GetStudyByKeyAsync("hospital-a", "key00002", default) is not null);
    }

    [Fact]
    public async Task Take_AfterPowerCuts_FindsTheCatalogWhole()
    {
        await CommitAsync(1);
        await DrainAsync();
        await _host.RestartAsync(Stop.PowerCut);
        await CommitAsync(2);
        await _host.Store.DeleteAsync(Name(2), default);
        await DrainAsync();
        await _host.RestartAsync(Stop.PowerCut);

        await using var copy = await RestoreAsync();
        Assert.NotNull(await copy.Catalog.GetStudyByKeyAsync("hospital-a", "key00002", default));
    }

    [Fact]
    public async Task Take_AFileOfCommitsIsMissing_IsRefused()
    {
        await CommitAsync(1);
        await _host.Journal.RotateAsync();
        await CommitAsync(2);
        File.Delete(JournalFile.List(Path.Combine(_host.Folder, "journal")).First());
        Assert.Throws<BackupException>(() => Take());
    }

    private static string Name(int number) => $"hospital-a/key{number:D5}/a.pack";

    private async Task<StudyDocument> CommitAsync(int number)
    {
        var study = new StudyDocument
        {
            Institution = "hospital-a",
            StudyKey = $"key{number:D5}",
            StudyInstanceUid = $"1.2.3.{number}",
            PatientKey = $"patient{number}",
            Attributes = new StudyAttributes { PatientId = $"P{number}", Modalities = ["CT"] },
            State = StudyState.Complete,
            CreatedAt = DateTimeOffset.UnixEpoch,
            ReceivedAt = DateTimeOffset.UnixEpoch,
            Series = [],
        };
        var change = StudyChange.Of(null, study, []);
        Assert.Equal(CommitOutcome.Committed, await _host.Commit.CommitAsync(new CommitBatch(change, [new SmallObject(Name(number), new byte[100])]), default));
        return change.Document;
    }

    private Task<int> DrainAsync() => new JournalDrain(_host.Journal, _host.Objects, new JournalOptions(), TimeProvider.System, NullLogger<JournalDrain>.Instance).DrainAllAsync(default);

    private IReadOnlyList<string> Take()
    {
        Directory.CreateDirectory(Path.Combine(_host.Folder, "copy"));
        return JournalSnapshot.Take(
            Path.Combine(_host.Folder, "catalog.db"), Path.Combine(_host.Folder, "journal"), Path.Combine(_host.Folder, "staging"), Path.Combine(_host.Folder, "copy", "catalog.db"), default);
    }

    /// <summary>What a host finds that starts on the copy.</summary>
    private async Task<Restored> RestoreAsync()
    {
        var files = Take();
        var copy = Path.Combine(_host.Folder, "copy");
        Directory.CreateDirectory(Path.Combine(copy, "journal"));
        foreach (var file in files) File.Copy(file, Path.Combine(copy, "journal", Path.GetFileName(file)));
        var database = SqliteDatabase.Open(Path.Combine(copy, "catalog.db"), SqliteDurability.Journaled, SqliteCatalog.Schema);
        var journal = EdgeJournal.Open(Path.Combine(copy, "journal"), new JournalOptions { MinFreeBytes = 0 }, TimeProvider.System);
        var catalog = new SqliteCatalog(database, TimeProvider.System);
        await LocalCatalog.ReplayAsync(journal, catalog, default);
        return new Restored(database, journal, catalog);
    }

    private sealed record Restored(SqliteDatabase Database, EdgeJournal Journal, SqliteCatalog Catalog) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Journal.DisposeAsync();
            await Database.DisposeAsync();
        }
    }
}
