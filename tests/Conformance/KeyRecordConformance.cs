using Skylight.Archive.Keys;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every place of key records must do: conditional writes, so that two creators end with one key.</summary>
public abstract class KeyRecordConformance
{
    private const string A = "hospital-a";

    protected abstract IKeyRecordStore Records { get; }

    [Fact]
    public async Task AddReplaceDelete_AreConditional()
    {
        Assert.Null(await Records.GetAsync(A, "s", default));
        await PutAsync(Record("s", "k1"));
        Assert.False(await Records.TryAddAsync(Record("s", "k9"), default));
        var read = (await Records.GetAsync(A, "s", default))!;
        Assert.Equal(Record("s", "k1").Digest(), read.Record.Digest());
        await PutAsync(Record("s", "k1", "k2"));
        Assert.False(await Records.TryReplaceAsync(Record("s", "k3"), read.ETag, default));
        Assert.Equal(["k1", "k2"], (await Records.GetAsync(A, "s", default))!.Record.Keys.Select(key => key.Id));
        await Records.DeleteAsync(A, "s", default);
        Assert.Null(await Records.GetAsync(A, "s", default));
        Assert.False(await Records.TryReplaceAsync(Record("s", "k4"), read.ETag, default));
        Assert.False(await Records.DeleteAsync(A, "s", default));
    }

    [Fact]
    public async Task List_PagesThroughOneInstitution_WithTheDigestsOfItsRecords()
    {
        var expected = new HashSet<UInt128>();
        for (var i = 0; i < 7; i++)
        {
            await PutAsync(Record($"s{i}", $"k{i}", "older"));
            expected.Add(Record($"s{i}", $"k{i}", "older").Digest());
        }

        await PutAsync(Record("s1", "k1") with { Institution = "hospital-b" });
        await PutAsync(Record("s1", "k1") with { Institution = "hospital" });
        var listed = new List<StoredKeyRecord>();
        string? continuation = null;
        do
        {
            var page = await Records.ListAsync(A, 3, continuation, default);
            Assert.True(page.Items.Count <= 3);
            listed.AddRange(page.Items);
            continuation = page.Continuation;
        }
        while (continuation is not null);
        Assert.Equal(7, listed.Count);
        Assert.Equal(expected, listed.Select(stored => stored.Record.Digest()).ToHashSet());
        Assert.Equal(expected, await Records.ListDigestsAsync(A, default).ToHashSetAsync());
        Assert.Empty(await Records.ListDigestsAsync("hospital-c", default).ToListAsync());
    }

    [Fact]
    public async Task ManyCreators_OneIsFirst()
    {
        var added = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Records.TryAddAsync(Record("race", $"k{i}"), default).AsTask()));
        var there = Assert.Single((await Records.GetAsync(A, "race", default))!.Record.Keys).Id;
        // After a lost answer the winner may have been told that it was not first.
        Assert.All(Enumerable.Range(0, 8).Where(i => added[i]), i => Assert.Equal($"k{i}", there));
    }

    private static KeyRecord Record(string subject, params string[] ids) =>
        new(1, A, subject, [.. ids.Select(id => new WrappedKey(id, "A256KW", "local:a/1", [1, 2, (byte)id.Length], DateTimeOffset.UnixEpoch.AddTicks(7)))]);

    /// <summary>As the callers of this port write: who is told no looks at what is there.</summary>
    private async Task PutAsync(KeyRecord record)
    {
        while (true)
        {
            var known = await Records.GetAsync(record.Institution, record.Subject, default);
            if (known?.Record.Digest() == record.Digest()) return;
            if (known is null ? await Records.TryAddAsync(record, default) : await Records.TryReplaceAsync(record, known.ETag, default)) return;
        }
    }
}
