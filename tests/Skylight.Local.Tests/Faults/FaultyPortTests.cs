using Azure.Core.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Keys;
using Skylight.Core.Queues;
using Skylight.Local.Audit;
using Skylight.Local.Catalog;
using Skylight.Local.Keys;
using Skylight.Local.Objects;
using Skylight.Local.Queues;
using Skylight.Local.Sqlite;
using Skylight.Local.Tests.Catalog;

namespace Skylight.Local.Tests.Faults;

/// <summary>
/// The suites again on the edge's own stores, with one call in eight failing before its effect, after it or in the middle, and a caller that calls again: the answers stay right. Faults of the
/// disk itself are the torture's.
/// </summary>
internal static class Faulty
{
    public static FaultPlan Plan(int seed, params Fault[] only) => new(seed, 0.12) { Only = only };
}

public sealed class FaultyFolderObjectStoreTests : ObjectStoreConformance, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public FaultyFolderObjectStoreTests() => Store = new PersistentObjectStore(new FaultyObjectStore(
        FolderObjectStore.Open(Path.Combine(_folder, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0, Fsync = false }, TimeProvider.System), Faulty.Plan(41)));

    protected override IObjectStore Store { get; }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ManyObjects_UnderEveryFault_AreWhole()
    {
        var plan = new FaultPlan(42, 0.3);
        var plain = FolderObjectStore.Open(Path.Combine(_folder, "many"), new FolderObjectStoreOptions { MinFreeBytes = 0, Fsync = false }, TimeProvider.System);
        var store = new PersistentObjectStore(new FaultyObjectStore(plain, plan));
        for (var i = 0; i < 50; i++)
        {
            var (name, bytes) = ($"hospital-a/study/{i}.pack", Bytes(1 + (i * 1300)));
            await using (var writer = await store.CreateAsync(name, default))
            {
                foreach (var part in bytes.Chunk(10_000)) await writer.WriteAsync(part, default);
                await writer.CommitAsync(default);
            }

            var stored = new byte[bytes.Length];
            Assert.Equal(stored.Length, await plain.ReadAsync(name, 0, stored, default));
            Assert.Equal(bytes, stored);
        }

        foreach (var fault in new[] { Fault.Throttled, Fault.LostBefore, Fault.LostAfter, Fault.Partial }) Assert.True(plan.Count(fault) > 0, plan.Drawn);
    }
}

/// <summary>Lost answers are left out: two writers of the suite make the same change, and neither could say whose it was.</summary>
public sealed class FaultyJournaledCatalogTests()
    : JournaledCatalogConformance(null, static (commit, catalog) => new PersistentCommit(new FaultyCommit(commit, Faulty.Plan(43, Fault.Throttled, Fault.LostBefore)), catalog));

public sealed class FaultyJournalCommitTests() : JournalCommitConformance(Stop.Kill, static (commit, catalog) => new PersistentCommit(new FaultyCommit(commit, new FaultPlan(44, 0.3)), catalog));

public sealed class FaultyJournalOutboxTests() : JournalOutboxConformance(static (commit, _) => new FaultyCommit(commit, new FaultPlan(45, 0.3)));

/// <summary>The catalog itself, whose reads fail too. Lost answers are left out, as above.</summary>
public sealed class FaultySqliteCatalogTests : CatalogConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public FaultySqliteCatalogTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        Catalog = new PersistentCatalog(new FaultyCatalog(new SqliteCatalog(_database), Faulty.Plan(48, Fault.Throttled, Fault.LostBefore)));
    }

    protected override ICatalog Catalog { get; }

    protected override int SearchRounds => 60;

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class FaultySqliteDocumentsTests : DocumentsConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public FaultySqliteDocumentsTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        Documents = new PersistentDocuments(new FaultyDocuments(new SqliteDocuments(_database), new FaultPlan(49, 0.3)));
    }

    protected override IDocuments Documents { get; }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Lost answers are left out: nobody can say whether a deletion whose answer is lost has found something, and the suite asks.</summary>
public sealed class FaultySqliteKeyRecordsTests : KeyRecordConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public FaultySqliteKeyRecordsTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "keys.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        Records = new DocumentKeyRecords(new PersistentDocuments(new FaultyDocuments(new SqliteDocuments(_database), new FaultPlan(51, 0.4) { Only = [Fault.Throttled, Fault.LostBefore] })));
    }

    protected override IKeyRecordStore Records { get; }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Lost answers are left out: an entry whose answer is lost is there, and whoever repeats it makes another, which the suite counts.</summary>
public sealed class FaultySqliteAuditLogTests : AuditLogConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly FaultPlan _plan = Faulty.Plan(50, Fault.Throttled, Fault.LostBefore);
    private readonly TestClock _clock = new();
    private SqliteAuditLog _log;

    public FaultySqliteAuditLogTests() => _log = Open();

    protected override IAuditLog Log => new PersistentAuditLog(new FaultyAuditLog(_log, _plan));

    protected override async Task ReopenAsync()
    {
        await _log.DisposeAsync();
        _log = Open();
    }

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private SqliteAuditLog Open() =>
        LocalAudit.Open(_folder, null, static (_, _, _) => ValueTask.FromResult(Enumerable.Repeat((byte)7, 32).ToArray()), _clock, NullLogger<SqliteAuditLog>.Instance);
}

/// <summary>Lost answers are left out, as on Azure: a message may then be there twice, which the suite counts.</summary>
public sealed class FaultySqliteQueueTests : QueueConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public FaultySqliteQueueTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "queues.db"), SqliteDurability.Full, SqliteQueue.Schema);
        Queue = new PersistentQueue(new FaultyQueue(new SqliteQueue(_database, new TestClock()), Faulty.Plan(46, Fault.Throttled, Fault.LostBefore)));
    }

    protected override IQueue Queue { get; }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class FaultyLocalKeyRingTests : KeyRingConformance, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly LocalKeyRing _ring;

    public FaultyLocalKeyRingTests()
    {
        _ring = LocalKeyRing.Create(Path.Combine(_folder, "ring.json"), null, TimeProvider.System);
        Ring = new PersistentKeyRing(new FaultyKeyRing(_ring, new FaultPlan(47, 0.4)));
    }

    protected override IKeyEncryptionKeyResolver Ring { get; }

    protected override string KeyId => "local:hospital-a";

    protected override string MissingKeyId => "local:hospital-a/99";

    protected override string Algorithm => "A256KW";

    public void Dispose()
    {
        _ring.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    protected override Task RotateAsync()
    {
        _ring.Rotate("hospital-a");
        return Task.CompletedTask;
    }
}
