using Skylight.Archive.Keys;
using Skylight.Conformance;
using Skylight.Core.Keys;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Keys;

public sealed class SqliteKeyRecordsTests : KeyRecordConformance, IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private SqliteDatabase _database = null!;

    protected override IKeyRecordStore Records => new DocumentKeyRecords(new SqliteDocuments(_database));

    public ValueTask InitializeAsync()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "keys.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
