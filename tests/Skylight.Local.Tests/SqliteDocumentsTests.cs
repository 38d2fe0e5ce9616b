using Skylight.Conformance;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests;

public sealed class SqliteDocumentsTests : DocumentsConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public SqliteDocumentsTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        Documents = new SqliteDocuments(_database);
    }

    protected override IDocuments Documents { get; }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
