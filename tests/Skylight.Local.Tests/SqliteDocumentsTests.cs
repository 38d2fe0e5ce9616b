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

    [Theory]
    [InlineData("care-relation")]
    [InlineData("person-link")]
    [InlineData("patient")]
    public async Task List_OfATypeThatDecisionsAskFor_FollowsEveryWrite(string type)
    {
        var key = new DocumentKey("91110000000000001A", type, "one");
        Assert.Empty(await IdsAsync("t"));
        var etag = await Documents.PutAsync(key, new Remark("a"), Match.None, ["t"], default);
        Assert.Equal((string[])["one"], await IdsAsync("t"));
        await Documents.PutAsync(key with { Id = "two" }, new Remark("b"), Match.None, ["t", "u"], default);
        Assert.Equal((string[])["one", "two"], await IdsAsync("t"));
        await Documents.PutAsync(key, new Remark("c"), Match.Version(etag), ["u"], default);
        Assert.Equal((string[])["two"], await IdsAsync("t"));
        Assert.Equal((string[])["one", "two"], await IdsAsync("u"));
        Assert.Equal("one", Assert.Single((await Documents.ListAsync<Remark>(key.Pk, type, "u", 1, null, default)).Items).Id);
        await Documents.DeleteAsync(key, Match.Any, default);
        Assert.Equal((string[])["two"], await IdsAsync("u"));

        async Task<string[]> IdsAsync(string term) => [.. (await Documents.ListAsync<Remark>(key.Pk, type, term, 100, null, default)).Items.Select(item => item.Id)];
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed record Remark(string Text);
}
