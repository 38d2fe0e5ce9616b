using Skylight.Archive.Objects;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="IObjectStore"/> must do.</summary>
public abstract class ObjectStoreConformance
{
    private const string Name = "hospital-a/study-1/object-1.pack";

    protected abstract IObjectStore Store { get; }

    [Fact]
    public async Task Commit_ThenRead_ReturnsTheBytes()
    {
        var bytes = Bytes(3_000_000);
        await using (var writer = await Store.CreateAsync(Name, default))
        {
            await writer.WriteAsync(bytes.AsMemory(0, 1_000_000), default);
            await writer.WriteAsync(default, default);
            await writer.WriteAsync(bytes.AsMemory(1_000_000), default);
            await writer.CommitAsync(default);
        }

        Assert.Equal(bytes.Length, await Store.GetLengthAsync(Name, default));
        Assert.Equal(bytes, await ReadAsync(Name, 0, bytes.Length));
    }

    [Theory]
    [InlineData(0, 100, 100)]
    [InlineData(900, 100, 100)]
    [InlineData(950, 100, 50)]
    [InlineData(1000, 100, 0)]
    [InlineData(5000, 100, 0)]
    [InlineData(10, 0, 0)]
    public async Task Read_AnyRange_ReturnsWhatThereIs(int offset, int count, int expected)
    {
        var bytes = Bytes(1000);
        await StoreAsync(Name, bytes);
        Assert.Equal(bytes.AsSpan(Math.Min(offset, 1000), expected).ToArray(), await ReadAsync(Name, offset, count));
    }

    [Fact]
    public async Task Commit_EmptyObject_IsThere()
    {
        await StoreAsync(Name, []);
        Assert.Equal(0, await Store.GetLengthAsync(Name, default));
        Assert.Empty(await ReadAsync(Name, 0, 10));
    }

    [Fact]
    public async Task Object_BeforeItsCommit_IsNotThere()
    {
        await using var writer = await Store.CreateAsync(Name, default);
        await writer.WriteAsync(Bytes(100), default);
        await AssertMissingAsync();
        await writer.CommitAsync(default);
        Assert.Equal(100, await Store.GetLengthAsync(Name, default));
    }

    [Fact]
    public async Task Dispose_WithoutCommit_LeavesNothing_AndTheNameStaysFree()
    {
        await using (var writer = await Store.CreateAsync(Name, default)) await writer.WriteAsync(Bytes(100), default);
        await AssertMissingAsync();
        await StoreAsync(Name, Bytes(7));
        Assert.Equal(7, await Store.GetLengthAsync(Name, default));
    }

    [Fact]
    public async Task Commit_NameIsTaken_RefusesAndKeepsTheFirst()
    {
        await StoreAsync(Name, Bytes(10));
        await Assert.ThrowsAsync<ObjectExistsException>(() => StoreAsync(Name, Bytes(20)));
        Assert.Equal(Bytes(10), await ReadAsync(Name, 0, 100));
    }

    [Fact]
    public async Task Commit_TwoWritersOfOneName_ExactlyOneWins()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(1, 8).Select(i => Task.Run(async () =>
        {
            try
            {
                await StoreAsync(Name, Bytes(i * 100));
                return i;
            }
            catch (ObjectExistsException)
            {
                return 0;
            }
        })));
        var winner = Assert.Single(outcomes, outcome => outcome != 0);
        Assert.Equal(Bytes(winner * 100), await ReadAsync(Name, 0, 1000));
    }

    [Fact]
    public async Task Delete_Existing_ThenMissing()
    {
        await StoreAsync(Name, Bytes(10));
        Assert.True(await Store.DeleteAsync(Name, default));
        Assert.False(await Store.DeleteAsync(Name, default));
        await AssertMissingAsync();
    }

    [Fact]
    public async Task List_ByPrefix_ReturnsCommittedObjectsOfThatFolderOnly()
    {
        string[] names = ["hospital-a/study-1/a.pack", "hospital-a/study-1/b.index", "hospital-a/study-10/c.pack", "hospital-b/study-1/d.pack"];
        foreach (var name in names) await StoreAsync(name, Bytes(10));
        await using var open = await Store.CreateAsync("hospital-a/study-1/open.pack", default);
        await open.WriteAsync(Bytes(10), default);
        Assert.Equal(names[..2], await ListAsync("hospital-a/study-1/"));
        Assert.Equal(names[..3], await ListAsync("hospital-a/"));
        Assert.Equal(names, await ListAsync(""));
        Assert.Empty(await ListAsync("hospital-c/"));
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("hospital-a/../../outside")]
    [InlineData("/absolute")]
    [InlineData("hospital-a/.hidden")]
    [InlineData("hospital-a//x")]
    [InlineData("")]
    public async Task AnyCall_WithAnUnsafeName_IsRefused(string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.CreateAsync(name, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.ReadAsync(name, 0, new byte[1], default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.GetLengthAsync(name, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.DeleteAsync(name, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.SetTierAsync(name, ObjectTier.Cool, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.GetStatusAsync(name, default));
    }

    [Theory]
    [InlineData(ObjectTier.Cool)]
    [InlineData(ObjectTier.Cold)]
    public async Task SetTier_ReadableTiers_KeepTheObjectReadableUnderItsName(ObjectTier tier)
    {
        await StoreAsync(Name, Bytes(100_000));
        Assert.Equal(new ObjectStatus(100_000, ObjectTier.Hot, false), await Store.GetStatusAsync(Name, default));
        await Store.SetTierAsync(Name, tier, default);
        await Store.SetTierAsync(Name, tier, default);
        Assert.Equal(new ObjectStatus(100_000, tier, false), await Store.GetStatusAsync(Name, default));
        Assert.Equal(100_000, await Store.GetLengthAsync(Name, default));
        Assert.Equal(Bytes(100_000)[99_000..], await ReadAsync(Name, 99_000, 5000));
        Assert.Equal([Name], await ListAsync("hospital-a/"));
        await Assert.ThrowsAsync<ObjectExistsException>(() => StoreAsync(Name, Bytes(20)));

        await Store.SetTierAsync(Name, ObjectTier.Hot, default);
        Assert.Equal(ObjectTier.Hot, (await Store.GetStatusAsync(Name, default))!.Value.Tier);
        Assert.Equal(Bytes(100_000), await ReadAsync(Name, 0, 100_000));
        Assert.Equal([Name], await ListAsync(""));
    }

    [Fact]
    public async Task SetTier_Archive_IsListedButNotRead_UntilRehydrated()
    {
        await StoreAsync(Name, Bytes(5000));
        await Store.SetTierAsync(Name, ObjectTier.Archive, default);
        Assert.Equal(new ObjectStatus(5000, ObjectTier.Archive, false), await Store.GetStatusAsync(Name, default));
        Assert.Equal(5000, await Store.GetLengthAsync(Name, default));
        Assert.Equal([Name], await ListAsync("hospital-a/study-1/"));
        Assert.Equal(Name, (await Assert.ThrowsAsync<ObjectArchivedException>(() => ReadAsync(Name, 0, 1))).Name);
        await Assert.ThrowsAsync<ObjectExistsException>(() => StoreAsync(Name, Bytes(20)));

        await Store.SetTierAsync(Name, ObjectTier.Cool, default);
        await RehydratedAsync();
        Assert.Equal(new ObjectStatus(5000, ObjectTier.Cool, false), await Store.GetStatusAsync(Name, default));
        Assert.Equal(Bytes(5000), await ReadAsync(Name, 0, 6000));
    }

    [Fact]
    public async Task Delete_InAColderTier_LeavesNothing()
    {
        foreach (var tier in new[] { ObjectTier.Cool, ObjectTier.Cold, ObjectTier.Archive })
        {
            await StoreAsync(Name, Bytes(10));
            await Store.SetTierAsync(Name, tier, default);
            Assert.True(await Store.DeleteAsync(Name, default));
            Assert.False(await Store.DeleteAsync(Name, default));
            await AssertMissingAsync();
        }
    }

    [Fact]
    public async Task SetTier_OfNoObject_IsRefused()
    {
        await Assert.ThrowsAsync<ObjectMissingException>(async () => await Store.SetTierAsync(Name, ObjectTier.Cool, default));
        Assert.Null(await Store.GetStatusAsync(Name, default));
    }

    [Fact]
    public async Task SetTier_WhileOthersRead_NoReadMissesTheObject()
    {
        await StoreAsync(Name, Bytes(20_000));
        var moves = Task.Run(async () =>
        {
            for (var i = 0; i < 30; i++) await Store.SetTierAsync(Name, (ObjectTier)(i % 3), default);
        });
        do
        {
            Assert.Equal(Bytes(20_000)[10_000..], await ReadAsync(Name, 10_000, 10_000));
        }
        while (!moves.IsCompleted);
        await moves;
    }

    /// <summary>Waits until the object has left the archive tier, where a store takes its time for that.</summary>
    protected virtual Task RehydratedAsync() => Task.CompletedTask;

    [Fact]
    public async Task Read_ManyAtOnce_ReturnTheirOwnBytes()
    {
        var bytes = Bytes(500_000);
        await StoreAsync(Name, bytes);
        await Parallel.ForAsync(0, 200, async (i, _) => Assert.Equal(bytes.AsSpan(i * 2000, 3000).ToArray(), await ReadAsync(Name, i * 2000, 3000)));
    }

    protected static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)((i * 31) + (i >> 8) + count))];

    protected async Task StoreAsync(string name, byte[] bytes)
    {
        await using var writer = await Store.CreateAsync(name, default);
        await writer.WriteAsync(bytes, default);
        await writer.CommitAsync(default);
    }

    protected async Task<byte[]> ReadAsync(string name, long offset, int count)
    {
        var bytes = new byte[count];
        var read = await Store.ReadAsync(name, offset, bytes, default);
        return bytes[..read];
    }

    private async Task AssertMissingAsync()
    {
        Assert.Null(await Store.GetLengthAsync(Name, default));
        Assert.Equal(Name, (await Assert.ThrowsAsync<ObjectMissingException>(() => ReadAsync(Name, 0, 1))).Name);
        Assert.Empty(await ListAsync(""));
    }

    private async Task<string[]> ListAsync(string prefix)
    {
        var names = new List<string>();
        await foreach (var name in Store.ListAsync(prefix, default)) names.Add(name);
        return [.. names.Order(StringComparer.Ordinal)];
    }
}
