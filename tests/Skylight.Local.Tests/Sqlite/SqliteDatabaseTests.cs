using System.Globalization;
using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Sqlite;

public sealed class SqliteDatabaseTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public SqliteDatabaseTests() =>
        _database = SqliteDatabase.Open(Path.Combine(_folder, "test.db"), SqliteDurability.Full, "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, data BLOB)");

    [Fact]
    public async Task Write_DiskFullInAGroup_AnswersEveryWaiter_AndGoesOnWhenThereIsRoom()
    {
        await LimitPagesAsync(40);
        var writes = Enumerable.Range(0, 200).Select(id => Task.Run(() => InsertAsync(id))).ToList();
        var outcomes = await Task.WhenAll(writes.Select(async write =>
        {
            try
            {
                await write.WaitAsync(TimeSpan.FromSeconds(30));
                return true;
            }
            catch (SqliteException error)
            {
                Assert.Equal(13, error.SqliteErrorCode);
                Assert.Equal(28, error.HResult); // what tells the HTTP layer that it is the disk
                return false;
            }
        }));
        Assert.Contains(false, outcomes);
        Assert.Equal(outcomes.Count(done => done), Count());
        await LimitPagesAsync(1_000_000);
        await InsertAsync(1000);
        Assert.Equal(outcomes.Count(done => done) + 1, Count());
    }

    [Fact]
    public async Task Write_OneThatFails_LeavesTheOthersOfItsGroup()
    {
        await InsertAsync(7);
        var writes = Enumerable.Range(0, 20).Select(id => Task.Run(() => InsertAsync(id))).ToList();
        for (var id = 0; id < 20; id++)
        {
            if (id == 7) await Assert.ThrowsAsync<SqliteException>(() => writes[7]);
            else await writes[id];
        }

        Assert.Equal(20, Count());
    }

    /// <summary>As where the index of the log cannot grow for want of room: an I/O error by SQLite's codes.</summary>
    [Theory]
    [InlineData(10, 4874, 28)]
    [InlineData(13, 13, 28)]
    [InlineData(10, 266, null)]
    [InlineData(11, 11, null)]
    public async Task Fault_OfAFullDisk_SaysSo_ToReadersAndWriters(int code, int extended, int? result)
    {
        var other = new SqliteException("as SQLite says", code, extended).HResult;
        var written = await Assert.ThrowsAsync<SqliteException>(() => _database.WriteAsync<int>(_ => throw new SqliteException("as SQLite says", code, extended), default));
        var read = Assert.Throws<SqliteException>(() => _database.Read<int>(_ => throw new SqliteException("as SQLite says", code, extended)));
        Assert.Equal((result ?? other, result ?? other), (written.HResult, read.HResult));
        Assert.Equal(0, Count());
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<int> InsertAsync(int id) =>
        _database.WriteAsync(
            connection =>
            {
                using var insert = connection.CreateCommand();
                insert.CommandText = "INSERT INTO t VALUES($id, randomblob(4000))";
                insert.Parameters.AddWithValue("$id", id);
                return insert.ExecuteNonQuery();
            },
            default);

    private Task<int> LimitPagesAsync(int pages) =>
        _database.WriteAsync(connection => SqliteDatabase.Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count={pages}")), default);

    private long Count() => _database.Read(connection =>
    {
        using var count = connection.CreateCommand();
        count.CommandText = "SELECT count(*) FROM t";
        return (long)count.ExecuteScalar()!;
    });
}
