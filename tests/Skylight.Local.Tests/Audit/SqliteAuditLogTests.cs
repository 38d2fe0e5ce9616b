using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Conformance;
using Skylight.Core.Audit;
using Skylight.Local.Audit;
using Skylight.Local.Backup;

namespace Skylight.Local.Tests.Audit;

public sealed class SqliteAuditLogTests : AuditLogConformance, IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly List<SqliteAuditLog> _abandoned = [];

    // Stands still: entries reach the database when somebody wants to read them, and not before.
    private readonly TestClock _clock = new();
    private string _folder;
    private SqliteAuditLog _log;

    public SqliteAuditLogTests()
    {
        _folder = _root;
        _log = Open();
    }

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        foreach (var log in _abandoned) await log.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    protected override IAuditLog Log => _log;

    [Theory]
    [InlineData("UPDATE audit SET body=CAST(replace(CAST(body AS TEXT),'permit','denied') AS BLOB) WHERE seq=4", 4, "changed")]
    [InlineData("UPDATE audit SET patient='p-other' WHERE seq=4", 4, "changed")]
    [InlineData("UPDATE audit SET at=at+1 WHERE seq=4", 4, "changed")]
    [InlineData("UPDATE audit SET mac=zeroblob(32) WHERE seq=4", 4, "forged")]
    [InlineData("UPDATE audit SET hash=zeroblob(32) WHERE seq=4", 4, "changed")]
    [InlineData("DELETE FROM audit WHERE seq=4", 4, "removed")]
    [InlineData("DELETE FROM audit WHERE seq=1", 1, "removed")]
    [InlineData("UPDATE audit SET seq=seq+100 WHERE seq=4; UPDATE audit SET seq=4 WHERE seq=5; UPDATE audit SET seq=5 WHERE seq=104", 4, "reordered")]
    [InlineData("DELETE FROM audit WHERE seq=4; UPDATE audit SET seq=seq-1 WHERE seq>4", 4, "reordered")]
    [InlineData("DELETE FROM audit WHERE seq>7", 8, "truncated")]
    [InlineData("DELETE FROM audit", 1, "truncated")]
    [InlineData("INSERT INTO audit SELECT 'a',11,at,patient,study,actor,previous,body,hash,mac FROM audit WHERE seq=10", 11, "reordered")]
    [InlineData("UPDATE audit SET pk='b'", 1, "truncated")]
    public async Task Tampering_IsFound_AtItsPlace(string sql, long sequence, string code)
    {
        await FillAsync(10);
        await TamperAsync(sql);
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.False(verification.Ok);
        Assert.Contains(verification.Findings, f => f.Sequence == sequence && f.Code == code);
    }

    [Fact]
    public async Task RewrittenEntry_WithARecomputedChain_IsForged()
    {
        await FillAsync(3);
        await TamperAsync(connection =>
        {
            var previous = AuditChain.Zero.ToArray();
            for (var sequence = 1; sequence <= 3; sequence++)
            {
                var body = AuditChain.Encode(Event(90 + sequence));
                var hash = AuditChain.Hash(previous, "a", sequence, body);
                using var update = connection.CreateCommand();
                update.CommandText = "UPDATE audit SET previous=$p, body=$b, hash=$h, mac=$m, at=$t WHERE seq=$s";
                update.Parameters.AddWithValue("$p", previous);
                update.Parameters.AddWithValue("$b", body);
                update.Parameters.AddWithValue("$h", hash);
                update.Parameters.AddWithValue("$m", AuditChain.Mac(new byte[32], hash));
                update.Parameters.AddWithValue("$t", At(90 + sequence).ToUnixTimeMilliseconds());
                update.Parameters.AddWithValue("$s", sequence);
                update.ExecuteNonQuery();
                previous = hash;
            }
        });
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.Equal(3, verification.Findings.Count(f => f.Code == "forged"));
    }

    [Fact]
    public async Task CutAndGrownAgain_IsFound_AlsoAfterARestart()
    {
        await FillAsync(10);
        await TamperAsync("DELETE FROM audit WHERE seq>6");
        for (var i = 0; i < 10; i++) await _log.AppendAsync("a", Event(100 + i), default);
        await ReopenAsync();
        await _log.AppendAsync("a", Event(200), default);
        await ReopenAsync();
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.Contains(verification.Findings, f => f.Code == "truncated");
        Assert.Equal(17, verification.Entries);
    }

    [Fact]
    public async Task CutWhileTheHostRuns_IsFoundWithoutARestart()
    {
        await FillAsync(10, reopen: false);
        Assert.Equal(10, (await _log.VerifyAsync("a", null, default)).Entries);
        await TamperAsync("DELETE FROM audit WHERE seq>6", reopen: false);
        for (var i = 0; i < 10; i++) await _log.AppendAsync("a", Event(100 + i), default);
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f is { Sequence: 7, Code: "removed" });
    }

    [Fact]
    public async Task Entries_WhereverTheyLie_AreOneTrail()
    {
        await FillAsync(3);
        await Task.WhenAll(Enumerable.Range(3, 600).Select(i => _log.AppendAsync("a", Event(i), default).AsTask()));
        for (var i = 603; i < 610; i++) Assert.Equal(i + 1, await _log.AppendAsync("a", Event(i), default));
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.True(verification.Ok);
        Assert.Equal(610, verification.Entries);
        Assert.Equal(610, Count());
        await _log.AppendAsync("a", Event(610), default);
        var page = await _log.ReadAsync("a", new AuditQuery(null, null, null, null, null, 600, 100), default);
        Assert.Equal(Enumerable.Range(601, 11).Select(n => (long)n), page.Items.Select(item => item.Sequence));
    }

    [Fact]
    public async Task Stop_LeavesAllInTheDatabase_AndAnEmptyJournal()
    {
        await FillAsync(5, reopen: false);
        await _log.DisposeAsync();
        Assert.Equal(5, Count());
        Assert.All(Directory.GetFiles(Path.Combine(_folder, "audit-journal"), "*.journal"), path => Assert.Equal(64, new FileInfo(path).Length));
        _log = Open();
    }

    [Fact]
    public async Task Kill_LosesNothing_AndTheChainGoesOn()
    {
        await FillAsync(5);
        for (var i = 5; i < 9; i++) await _log.AppendAsync(i % 2 == 0 ? "a" : "b", Event(i), default);
        Kill();
        Assert.Equal(8, await _log.AppendAsync("a", Event(9), default));
        Kill();
        Assert.Equal((8, 2), (await LastAsync("a"), await LastAsync("b")));
        Kill();
        Assert.Equal(9, await _log.AppendAsync("a", Event(10), default));
        Assert.Equal(Enumerable.Range(1, 9).Select(n => (long)n), (await _log.ReadAsync("a", new AuditQuery(null, null, null, null, null, 0, 100), default)).Items.Select(item => item.Sequence));
    }

    [Fact]
    public async Task Start_ThatFindsNoRoom_IsTriedAgain_AndLosesNothing()
    {
        await FillAsync(5);
        for (var i = 5; i < 9; i++) await _log.AppendAsync("a", Event(i), default);
        Kill();
        var journal = Path.Combine(_folder, "audit-journal");
        // The next journal file cannot be made while something else has its name.
        var name = Path.Combine(journal, (Directory.GetFiles(journal, "*.journal").Select(path => Convert.ToInt64(Path.GetFileNameWithoutExtension(path), 16)).Max() + 4).ToString("x16", null) + ".journal");
        Directory.CreateDirectory(name);
        await Assert.ThrowsAnyAsync<Exception>(async () => await _log.AppendAsync("a", Event(9), default));
        Directory.Delete(name);
        Assert.Equal(10, await _log.AppendAsync("a", Event(9), default));
        Assert.Equal(10, await LastAsync("a"));
    }

    [Fact]
    public async Task Snapshot_TakenWhileEntriesWait_HasThem()
    {
        await FillAsync(5);
        for (var i = 5; i < 9; i++) await _log.AppendAsync("a", Event(i), default);
        var copy = Directory.CreateDirectory(Path.Combine(_folder, "copy")).FullName;
        var journal = JournalSnapshot.Take(Path.Combine(_folder, "audit.db"), Path.Combine(_folder, "audit-journal"), Path.Combine(_folder, "staging"), Path.Combine(copy, "audit.db"), default);
        Directory.CreateDirectory(Path.Combine(copy, "audit-journal"));
        foreach (var path in journal) File.Copy(path, Path.Combine(copy, "audit-journal", Path.GetFileName(path)));
        _abandoned.Add(_log);
        _folder = copy;
        _log = Open();
        Assert.Equal(9, await LastAsync("a"));
    }

    [Fact]
    public async Task JournalCutOff_BeforeTheStart_LosesOnlyWhatTheDatabaseLacked()
    {
        await FillAsync(5, reopen: false);
        Assert.Equal(5, await LastAsync("a"));
        await _log.AppendAsync("a", Event(6), default);
        Kill(journal => File.Delete(journal));
        Assert.Equal(6, await _log.AppendAsync("a", Event(7), default));
    }

    [Fact]
    public async Task Database_ThatCannotBeWritten_KeepsEntriesInTheJournal_UntilItCan()
    {
        await FillAsync(3);
        using (var blocker = new SqliteConnection($"Data Source={Path.Combine(_folder, "audit.db")};Pooling=False"))
        {
            blocker.Open();
            Execute(blocker, "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'refused'); END");
            Assert.Equal(4, await _log.AppendAsync("a", Event(4), default));
            await Assert.ThrowsAsync<SqliteException>(async () => await _log.VerifyAsync("a", null, default));
            Execute(blocker, "DROP TRIGGER refuse");
        }

        var verification = await _log.VerifyAsync("a", null, default);
        Assert.True(verification.Ok);
        Assert.Equal(4, verification.Entries);
    }

    [Fact]
    public async Task EntryPutInBySomebody_WhereTheNextOneGoes_GivesWay()
    {
        await FillAsync(3, reopen: false);
        Assert.Equal(3, await LastAsync("a"));
        await TamperAsync("INSERT INTO audit SELECT 'a',4,at,patient,'s-other',actor,previous,body,hash,mac FROM audit WHERE seq=3", reopen: false);
        await _log.AppendAsync("a", Event(4), default);
        Assert.True((await _log.VerifyAsync("a", null, default)).Ok);
    }

    [Fact]
    public async Task OpenForReading_SeesTheTrail_WhileAnotherHasIt()
    {
        await FillAsync(3);
        await using var reader = LocalAudit.OpenForReading(_folder, null, Secret, TimeProvider.System, NullLogger<SqliteAuditLog>.Instance);
        Assert.Equal(3, (await reader.VerifyAsync("a", null, default)).Entries);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await reader.AppendAsync("a", Event(4), default));
        Assert.Throws<Skylight.Local.Journal.JournalException>(() => Open());
    }

    [Fact]
    public async Task OpenForReading_VerifiesWhatIsOnlyInTheJournal()
    {
        await FillAsync(3);
        using (var blocker = new SqliteConnection($"Data Source={Path.Combine(_folder, "audit.db")};Pooling=False"))
        {
            blocker.Open();
            Execute(blocker, "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'refused'); END");
            for (var i = 4; i <= 6; i++) await _log.AppendAsync(i == 5 ? "b" : "a", Event(i), default);
            await using (var reader = LocalAudit.OpenForReading(_folder, null, Secret, TimeProvider.System, NullLogger<SqliteAuditLog>.Instance))
            {
                var verification = await reader.VerifyAsync("a", null, default);
                Assert.True(verification.Ok);
                Assert.Equal((5, 2), (verification.Entries, verification.InJournal));
                Assert.StartsWith("5:", verification.Head, StringComparison.Ordinal);
                var other = await reader.VerifyAsync("b", null, default);
                Assert.Equal((1, 1), (other.Entries, other.InJournal));
            }

            Execute(blocker, "DROP TRIGGER refuse");
        }

        var whole = await _log.VerifyAsync("a", null, default);
        Assert.Equal((5, 0), (whole.Entries, whole.InJournal));
    }

    [Fact]
    public async Task RecentTable_OfAnOlderTrail_IsTakenOver()
    {
        await FillAsync(4);
        await TamperAsync("""
            CREATE TABLE audit_recent AS SELECT * FROM audit WHERE seq>2;
            DELETE FROM audit WHERE seq>2;
            CREATE VIEW trail AS SELECT * FROM audit UNION ALL SELECT * FROM audit_recent;
            """);
        Assert.Equal(5, await _log.AppendAsync("a", Event(5), default));
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.True(verification.Ok);
        Assert.Equal(5, verification.Entries);
    }

    [Fact]
    public async Task HeadKeptElsewhere_ProvesACut_EvenWithoutAnchors()
    {
        await FillAsync(10);
        Assert.True(AuditHead.TryParse((await _log.VerifyAsync("a", null, default)).Head, out var kept));
        await TamperAsync("DELETE FROM audit WHERE seq>6");
        await _log.DisposeAsync();
        Directory.Delete(Path.Combine(_folder, "audit-anchors"), recursive: true);
        _log = Open();
        Assert.True((await _log.VerifyAsync("a", null, default)).Ok);
        Assert.Contains((await _log.VerifyAsync("a", kept, default)).Findings, f => f.Code == "truncated");
    }

    [Fact]
    public async Task ForgedAnchor_IsReported()
    {
        await FillAsync(3);
        var path = Path.Combine(_folder, "audit-anchors", "a.head.json");
        await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path)).Replace("\"sequence\":3", "\"sequence\":2", StringComparison.Ordinal));
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f.Code == "anchor-invalid");
        await File.WriteAllTextAsync(path, "not json");
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f.Code == "anchor-invalid");
    }

    [Fact]
    public async Task AnchorLine_CutShortByACrash_IsNoFinding()
    {
        await FillAsync(3);
        var anchors = new AnchorFiles(Path.Combine(_folder, "audit-anchors"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "audit-anchors", "a.anchors.jsonl"), "{\"v\":1,\"inst");
        Assert.True((await _log.VerifyAsync("a", null, default)).Ok);
        anchors.Append(anchors.Read("a")[^1]);
        Assert.Equal(2, anchors.Read("a").Count);
        Assert.True((await _log.VerifyAsync("a", null, default)).Ok);
    }

    private async Task FillAsync(int count, bool reopen = true)
    {
        for (var i = 0; i < count; i++) await _log.AppendAsync("a", Event(i), default);
        if (reopen) await ReopenAsync();
    }

    private Task TamperAsync(string sql, bool reopen = true) => TamperAsync(
        connection =>
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            Assert.True(command.ExecuteNonQuery() > 0);
        },
        reopen);

    private async Task TamperAsync(Action<SqliteConnection> work, bool reopen = true)
    {
        if (reopen) await _log.DisposeAsync();
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "audit.db")};Pooling=False"))
        {
            connection.Open();
            work(connection);
        }

        if (reopen) _log = Open();
    }

    protected override async Task ReopenAsync()
    {
        await _log.DisposeAsync();
        _log = Open();
    }

    /// <summary>The last sequence of a whole chain.</summary>
    private async Task<long> LastAsync(string institution)
    {
        var verification = await _log.VerifyAsync(institution, null, default);
        Assert.Empty(verification.Findings);
        return verification.Entries;
    }

    /// <summary>What a host that is killed now leaves behind, opened again.</summary>
    private void Kill(Action<string>? journal = null)
    {
        var copy = Directory.CreateDirectory(Path.Combine(_folder, "killed")).FullName;
        foreach (var path in Directory.GetFiles(_folder, "audit.db*")) File.Copy(path, Path.Combine(copy, Path.GetFileName(path)));
        foreach (var part in (string[])["audit-journal", "audit-anchors"])
        {
            Directory.CreateDirectory(Path.Combine(copy, part));
            if (Directory.Exists(Path.Combine(_folder, part)))
                foreach (var path in Directory.GetFiles(Path.Combine(_folder, part)).Where(path => !path.EndsWith("/lock", StringComparison.Ordinal))) File.Copy(path, Path.Combine(copy, part, Path.GetFileName(path)));
        }

        _abandoned.Add(_log);
        _folder = copy;
        foreach (var path in Directory.GetFiles(Path.Combine(copy, "audit-journal"), "*.journal")) journal?.Invoke(path);
        _log = Open();
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private long Count()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "audit.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM audit";
        return (long)command.ExecuteScalar()!;
    }

    private static ValueTask<byte[]> Secret(string institution, string purpose, CancellationToken cancellationToken) => ValueTask.FromResult(SHA256.HashData(Encoding.UTF8.GetBytes(institution + purpose)));

    private SqliteAuditLog Open() => LocalAudit.Open(_folder, null, Secret, _clock, NullLogger<SqliteAuditLog>.Instance);
}
