using System.IO.Pipelines;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Packs;

public sealed class PackTests : IDisposable
{
    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Read_OneInstanceOfMany_ReturnsItsBytes_WithOneRequestOnceTheHeaderIsKnown()
    {
        var (pack, places, plain) = await PackAsync();
        var reader = new PackReader(_store, _key);
        var bytes = new byte[places[3].Length];
        await reader.ReadAsync(pack, places[3].Offset, bytes, default);
        Assert.Equal(plain[(int)places[3].Offset..(int)(places[3].Offset + places[3].Length)], bytes);
        Assert.Equal(2, _store.Reads.Count);
        await reader.ReadAsync(pack, places[4].Offset, new byte[places[4].Length], default);
        Assert.Equal(3, _store.Reads.Count);
    }

    [Fact]
    public async Task Copy_ToStreamAndPipe_WritesTheInstance()
    {
        var (pack, places, plain) = await PackAsync();
        var reader = new PackReader(_store, _key);
        var expected = plain[(int)places[7].Offset..(int)(places[7].Offset + places[7].Length)];
        using var stream = new MemoryStream();
        await reader.CopyAsync(pack, places[7].Offset, places[7].Length, stream, default);
        Assert.Equal(expected, stream.ToArray());
        using var piped = new MemoryStream();
        var pipe = PipeWriter.Create(piped);
        await reader.CopyAsync(pack, places[7].Offset, places[7].Length, pipe, default);
        await pipe.CompleteAsync();
        Assert.Equal(expected, piped.ToArray());
        await using var opened = await reader.OpenStreamAsync(pack, places[7].Offset, places[7].Length, default);
        using var copied = new MemoryStream();
        await opened.CopyToAsync(copied);
        Assert.Equal(expected, copied.ToArray());
    }

    [Fact]
    public async Task Read_PastThePack_IsRefused()
    {
        var (pack, _, _) = await PackAsync();
        var reader = new PackReader(_store, _key);
        await Assert.ThrowsAsync<SealedObjectException>(async () => await reader.ReadAsync(pack, pack.Length - 5, new byte[6], default));
        await Assert.ThrowsAsync<SealedObjectException>(() => reader.CopyAsync(pack, pack.Length - 5, 6, Stream.Null, default));
    }

    [Fact]
    public async Task Read_PackThatIsGone_SaysSo()
    {
        var (pack, _, _) = await PackAsync();
        var reader = new PackReader(_store, _key);
        await reader.ReadAsync(pack, 0, new byte[5], default);
        _store.Objects.Clear();
        Assert.Equal(pack.Name, (await Assert.ThrowsAsync<ObjectMissingException>(async () => await reader.ReadAsync(pack, 0, new byte[5], default))).Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("a/.b")]
    [InlineData("A/b")]
    [InlineData("a\\b")]
    [InlineData("a/b c")]
    [InlineData("a/b\0")]
    [InlineData("a/b/c/d/e/f/g/h/i")]
    public void ObjectName_Unsafe_IsRefused(string name)
    {
        Assert.False(ObjectName.IsValid(name));
        Assert.Throws<ArgumentException>(() => ObjectName.Check(name));
    }

    private async Task<(SealedReference Pack, (long Offset, long Length)[] Places, byte[] Plain)> PackAsync()
    {
        await using var writer = PackWriter.Create(_store, Make.Folder, _key, Make.Small(), keepBytes: 0);
        var places = new List<(long, long)>();
        var plain = Make.Bytes(60_000);
        for (var at = 0; at < plain.Length; at += 6000)
        {
            Assert.Equal(at, writer.Position);
            await writer.AppendAsync(plain.AsMemory(at, 6000), default);
            places.Add((at, 6000));
        }

        return ((await writer.CommitAsync(default)).Reference, [.. places], plain);
    }
}
