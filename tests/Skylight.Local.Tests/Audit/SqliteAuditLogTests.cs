using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Conformance;
using Skylight.Core.Audit;
using Skylight.Local.Audit;

namespace Skylight.Local.Tests.Audit;

public sealed class SqliteAuditLogTests : AuditLogConformance, IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private SqliteAuditLog _log;

    public SqliteAuditLogTests() => _log = Open();

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
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
        await TamperAsync("DELETE FROM audit WHERE seq>6; DELETE FROM audit_recent WHERE seq>6", reopen: false);
        for (var i = 0; i < 10; i++) await _log.AppendAsync("a", Event(100 + i), default);
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f is { Sequence: 7, Code: "removed" });
    }

    [Fact]
    public async Task Entries_WhereverTheyLie_AreOneTrail()
    {
        await FillAsync(3);
        await Task.WhenAll(Enumerable.Range(3, 600).Select(i => _log.AppendAsync("a", Event(i), default).AsTask()));
        for (var i = 603; i < 610; i++) Assert.Equal(i + 1, await _log.AppendAsync("a", Event(i), default));
        Assert.True(Count("audit") > 3);
        Assert.True(Count("audit_recent") > 0);
        var verification = await _log.VerifyAsync("a", null, default);
        Assert.True(verification.Ok);
        Assert.Equal(610, verification.Entries);
        var page = await _log.ReadAsync("a", new AuditQuery(null, null, null, null, null, 600, 100), default);
        Assert.Equal(Enumerable.Range(601, 10).Select(n => (long)n), page.Items.Select(item => item.Sequence));
        await ReopenAsync();
        Assert.Equal(0, Count("audit_recent"));
        Assert.Equal(610, Count("audit"));
    }

    [Fact]
    public async Task Recent_TamperedWith_IsFound()
    {
        await FillAsync(10, reopen: false);
        await TamperAsync("UPDATE audit_recent SET study='s-other' WHERE seq=4; UPDATE audit SET study='s-other' WHERE seq=4", reopen: false);
        Assert.Contains((await _log.VerifyAsync("a", null, default)).Findings, f => f is { Sequence: 4, Code: "changed" });
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

    private long Count(string table)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "audit.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return (long)command.ExecuteScalar()!;
    }

    private SqliteAuditLog Open() => LocalAudit.Open(
        _folder, null, static (institution, purpose, _) => ValueTask.FromResult(SHA256.HashData(Encoding.UTF8.GetBytes(institution + purpose))), TimeProvider.System, NullLogger<SqliteAuditLog>.Instance);
}
