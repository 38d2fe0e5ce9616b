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
    }

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
