using Skylight.Archive.Keys;
using Skylight.Core.Keys;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Keys;

/// <summary>Wrapped keys lie in two places, and an erasure reaches both.</summary>
public sealed class ReplicatedKeyRecordsTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private SqliteDatabase _a = null!;
    private SqliteDatabase _b = null!;
    private DocumentKeyRecords _first = null!;
    private DocumentKeyRecords _second = null!;
    private ReplicatedKeyRecords _both = null!;

    public ValueTask InitializeAsync()
    {
        _a = SqliteDatabase.Open(Path.Combine(_folder, "a.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        _b = SqliteDatabase.Open(Path.Combine(_folder, "b.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        (_first, _second) = (new DocumentKeyRecords(new SqliteDocuments(_a)), new DocumentKeyRecords(new SqliteDocuments(_b)));
        _both = new ReplicatedKeyRecords(_first, _second);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task AddReplaceDelete_ReachBothPlaces()
    {
        Assert.True(await _both.TryAddAsync(Record("k1"), default));
        Assert.False(await _both.TryAddAsync(Record("k9"), default));
        Assert.Equal(["k1"], await KeysAsync(_second));
        var stored = (await _both.GetAsync("a", "s", default))!;
        Assert.True(await _both.TryReplaceAsync(Record("k1", "k2"), stored.ETag, default));
        Assert.False(await _both.TryReplaceAsync(Record("k3"), stored.ETag, default));
        Assert.Equal(["k1", "k2"], await KeysAsync(_second));
        Assert.True(await _both.DeleteAsync("a", "s", default));
        Assert.Null(await _second.GetAsync("a", "s", default));
        Assert.Null(await _first.GetAsync("a", "s", default));
    }

    [Fact]
    public async Task Mirror_BringsTheSecondUpToTheFirst()
    {
        await _first.TryAddAsync(Record("k1", "k2"), default);
        await _second.TryAddAsync(Record("k1"), default);
        Assert.Equal(1, await _both.MirrorAsync("a", default));
        Assert.Equal(["k1", "k2"], await KeysAsync(_second));
        Assert.Equal(0, await _both.MirrorAsync("a", default));
    }

    private static KeyRecord Record(params string[] ids) => new(1, "a", "s", [.. ids.Select(id => new WrappedKey(id, "A256KW", "local:a/1", [1, 2], DateTimeOffset.UnixEpoch))]);

    private static async Task<IEnumerable<string>> KeysAsync(DocumentKeyRecords records) => (await records.GetAsync("a", "s", default))!.Record.Keys.Select(key => key.Id);
}
