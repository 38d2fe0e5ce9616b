using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Catalog;
using Skylight.Local.Journal;
using Skylight.Local.Objects;
using Skylight.Local.Sqlite;
using EdgeJournal = Skylight.Local.Journal.Journal;

namespace Skylight.Local.Tests.Catalog;

/// <summary>What the next start of a host finds.</summary>
internal enum Stop
{
    /// <summary>Every file as the process left it.</summary>
    Kill,

    /// <summary>Of <c>catalog.db</c> what its last checkpoint has made durable; of the journal, which syncs each group, everything.</summary>
    PowerCut,
}

/// <summary>
/// The catalog as the edge host writes it: changes go into the journal and are acknowledged there; <c>catalog.db</c> takes them later. The clock stands still, so "later" is only when
/// somebody waits for it: what is read in between comes out of memory.
/// </summary>
/// <param name="beforeReading">How the host ends and starts again before whatever was written is first read; null: it runs on.</param>
/// <param name="wrap">Around the commit, such as faults.</param>
internal sealed class JournaledCatalog(Stop? beforeReading, Func<ICommit, ICatalog, ICommit>? wrap = null) : ICatalog, IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private SqliteDatabase _database = null!;
    private SqliteCatalog _catalog = null!;
    private EdgeJournal _journal = null!;
    private string _folder = "";
    private bool _written;

    public ICommit Commit { get; private set; } = null!;

    public IObjectStore Store { get; private set; } = null!;

    public EdgeJournal Journal => _journal;

    /// <summary>Where <c>catalog.db</c> and the journal are.</summary>
    public string Folder => _folder;

    /// <summary>What the journal is drained to.</summary>
    public IObjectStore Objects { get; private set; } = null!;

    public int Restarts { get; private set; }

    public async Task OpenAsync()
    {
        _folder = Path.Combine(_root, "0");
        Directory.CreateDirectory(Path.Combine(_folder, "journal"));
        await StartAsync();
    }

    /// <summary>Ends the host without a chance to write anything more, and starts the next one on what it left.</summary>
    public async Task RestartAsync(Stop stop)
    {
        var next = Path.Combine(_root, $"{++Restarts}");
        Directory.CreateDirectory(Path.Combine(next, "journal"));
        foreach (var path in Directory.EnumerateFiles(_folder, stop == Stop.Kill ? "catalog.db*" : "catalog.db"))
            if (!path.EndsWith("-shm", StringComparison.Ordinal)) File.Copy(path, Path.Combine(next, Path.GetFileName(path)));
        foreach (var path in Directory.EnumerateFiles(Path.Combine(_folder, "journal")).Where(path => Path.GetFileName(path) != "lock")) File.Copy(path, Path.Combine(next, "journal", Path.GetFileName(path)));
        await _journal.DisposeAsync();
        await _database.DisposeAsync();
        _folder = next;
        await StartAsync();
    }

    public async ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken)
    {
        var outcome = await InTurnAsync(writes: true, async () => await Commit.CommitAsync(new CommitBatch(change, []), cancellationToken));
        if (outcome == CommitOutcome.Conflict) throw new DocumentConflictException(new DocumentKey(change.Document.Institution, "study", change.Document.StudyKey));
    }

    public async ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        var there = await GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not null;
        var outcome = await InTurnAsync(writes: true, async () => await Commit.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken));
        return outcome == CommitOutcome.Conflict ? throw new DocumentConflictException(new DocumentKey(institution, "study", studyKey)) : there;
    }

    public ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.GetStudyAsync(institution, studyInstanceUid, cancellationToken));

    public ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.FindInstancesAsync(institution, sopInstanceUids, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.ListInstancesAsync(institution, after, limit, cancellationToken));

    public ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.ListStudyKeysAsync(institution, after, limit, cancellationToken));

    public ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.QueryStudiesAsync(institution, query, limit, offset, continuation, cancellationToken));

    public ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        InTurnAsync(writes: false, () => _catalog.ListDueAsync(due, now, limit, cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await _journal.DisposeAsync();
        await _database.DisposeAsync();
        _turn.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>One call at a time where hosts end in between; a catalog that runs on is asked by all at once.</summary>
    private async ValueTask<T> InTurnAsync<T>(bool writes, Func<ValueTask<T>> call)
    {
        if (beforeReading is not { } stop) return await call();
        await _turn.WaitAsync();
        try
        {
            if (!writes && _written) await RestartAsync(stop);
            _written = writes;
            return await call();
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task StartAsync()
    {
        var options = new JournalOptions { MinFreeBytes = 0, FileBytes = 64 << 10, Sync = static (_, _) => { } };
        _database = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), SqliteDurability.Journaled, SqliteCatalog.Schema);
        _catalog = new SqliteCatalog(_database, new TestClock());
        _journal = EdgeJournal.Open(Path.Combine(_folder, "journal"), options, TimeProvider.System);
        var commit = new JournalCommit(_journal, _catalog);
        Commit = wrap?.Invoke(commit, this) ?? commit;
        Objects = FolderObjectStore.Open(Path.Combine(_root, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0, Fsync = false }, TimeProvider.System);
        Store = new JournalObjectStore(_journal, Objects);
        await LocalCatalog.ReplayAsync(_journal, _catalog, default);
    }
}
