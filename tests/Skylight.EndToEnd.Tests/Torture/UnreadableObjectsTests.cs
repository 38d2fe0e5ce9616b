using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Torture;

/// <summary>The first copies of objects cannot be read, or have other bytes, while the real host serves: the replica answers, what was damaged is mended and reported, and the verification tells the truth.</summary>
public sealed class UnreadableObjectsTests : IAsyncLifetime
{
    private const int Studies = 6;

    private readonly BadDiskHost _host = new(replica: true);

    public async ValueTask InitializeAsync()
    {
        if (TortureRun.Unavailable() is { } reason) Assert.Skip(reason);
        await _host.StartAsync();
        for (var i = 0; i < Studies; i++) Assert.True(await _host.Client.StoreAsync(_host.Ledger, await _host.Ledger.MakeStudyAsync(new Random(i)), reserve: false, _host.Token));

        // Drained, merged, announced and copied.
        await _host.UntilAsync(async () =>
        {
            var page = (await Client.GetAsync(_host.Client.Reader, "api/studies?limit=100", _host.Token))!.Value.GetProperty("items").EnumerateArray().ToArray();
            if (page.Length < Studies || !page.All(study => study.GetProperty("state").GetString() == "complete")) return false;
            var names = BadDiskHost.NamesIn(_host.Objects);
            return names.Count(name => name.EndsWith(".pack", StringComparison.Ordinal)) >= Studies && BadDiskHost.NamesIn(_host.Replica).IsSupersetOf(names);
        });
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task FirstCopies_ThatTheMediumDoesNotGiveBack_AreServedFromTheReplica_Mended_AndReported()
    {
        _host.Disk.Fail(DateTimeOffset.UtcNow);
        Assert.True(await _host.AllReadAsync());
        Assert.True(_host.Disk.Unread > 0);

        // Each object is written anew behind its readers: then nothing of what they read is unreadable any more.
        await _host.UntilAsync(async () =>
        {
            var before = _host.Disk.Unread;
            Assert.True(await _host.AllReadAsync());
            return _host.Disk.Unread == before;
        });
        Assert.True(await _host.MetricAsync("skylight_read_repair_reads_total") > 0);
        await _host.StopAsync();
        var damaged = Damaged();
        Assert.NotEmpty(damaged);
        Assert.All(damaged, record => Assert.Equal(("first", true), (record.GetProperty("copy").GetString(), record.TryGetProperty("repairedAt", out _))));

        // Nothing is forgiven while the disk does not give it back; and nothing is wrong once it does.
        _host.Disk.Fail(DateTimeOffset.UtcNow);
        var (code, output) = await _host.VerifyAsync();
        Assert.True(code != 0 && output.Contains("the medium does not give it back", StringComparison.Ordinal), output);
        _host.Disk.Fail(null);
        (code, output) = await _host.VerifyAsync();
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task FirstCopies_WithFlippedBytes_AreServedFromTheReplica_AndMended()
    {
        var packs = BadDiskHost.NamesIn(_host.Objects).Where(name => name.EndsWith(".pack", StringComparison.Ordinal)).ToList();
        foreach (var pack in packs) Flip(Path.Combine(_host.Objects, pack));
        Assert.True(await _host.AllReadAsync());
        await _host.UntilAsync(async () =>
        {
            Assert.True(await _host.AllReadAsync());
            return BadDiskHost.NamesIn(_host.Objects).Where(name => name.EndsWith(".pack", StringComparison.Ordinal) && packs.Contains(name))
                .All(name => File.ReadAllBytes(Path.Combine(_host.Objects, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(_host.Replica, name))));
        });
        await _host.StopAsync();
        Assert.NotEmpty(Damaged());
        var (code, output) = await _host.VerifyAsync();
        Assert.True(code == 0, output);

        // It looks at the first copies alone: the replica does not hide what has happened to one since.
        Flip(Path.Combine(_host.Objects, packs[0]));
        (code, output) = await _host.VerifyAsync();
        Assert.True(code != 0, output);
    }

    private static void Flip(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stream.Position = stream.Length / 2;
        var value = stream.ReadByte();
        stream.Position--;
        stream.WriteByte((byte)(value ^ 0x10));
    }

    /// <summary>The documents that say what was damaged.</summary>
    private List<JsonElement> Damaged()
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(_host.Data, "records.db"), Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT body FROM documents WHERE type = 'damage'";
        using var reader = command.ExecuteReader();
        var found = new List<JsonElement>();
        while (reader.Read()) found.Add(JsonSerializer.Deserialize<JsonElement>(reader.GetString(0)));
        return found;
    }
}
