using FsCheck;
using FsCheck.Fluent;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Sealing;

public sealed class SealedObjectTests : IDisposable
{
    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData(SealAlgorithm.Aes256Gcm, 0)]
    [InlineData(SealAlgorithm.Aes256Gcm, 1)]
    [InlineData(SealAlgorithm.Aes256Gcm, 4096)]
    [InlineData(SealAlgorithm.Aes256Gcm, 4097)]
    [InlineData(SealAlgorithm.Aes256Gcm, 40_960)]
    [InlineData(SealAlgorithm.Sm4Gcm, 0)]
    [InlineData(SealAlgorithm.Sm4Gcm, 10_000)]
    public async Task WriteThenRead_ReturnsTheBytes(SealAlgorithm algorithm, int length)
    {
        var plain = Make.Bytes(length);
        var reference = await Make.StoreAsync(_store, _key, plain, Make.Small(algorithm));
        Assert.Equal(length, reference.Length);
        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, length + 10));
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference, SealedType.Pack, _key, default));
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        Assert.Equal(length, await Make.VerifyAsync(_store, reference, _key));
    }

    [Fact]
    public async Task ReadAll_LargerThanTheFirstRead_ReturnsTheBytes()
    {
        var plain = Make.Bytes(700_000);
        var reference = await Make.StoreAsync(_store, _key, plain, SealOptions.Default);
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference, SealedType.Pack, _key, default));
    }

    [Fact]
    public void Write_InAnyPieces_GivesTheSameObject()
    {
        var pieces = Gen.Choose(0, 9000).ListOf().Where(list => list.Count < 12).ToArbitrary();
        Prop.ForAll(pieces, lengths =>
        {
            var plain = Make.Bytes(lengths.Sum());
            var store = new MemoryObjectStore();
            var reference = Run(async () =>
            {
                await using var writer = SealedObjectWriter.Create(store, Make.Folder, _key, SealedType.Pack, Make.Small());
                var at = 0;
                foreach (var length in lengths)
                {
                    await writer.WriteAsync(plain.AsMemory(at, length), default);
                    at += length;
                    Assert.Equal(at, writer.Position);
                }

                return (await writer.CommitAsync(default)).Reference;
            });
            return Run(() => Make.ReadAsync(store, reference, _key, 0, plain.Length)).AsSpan().SequenceEqual(plain);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public async Task ReadAndCopy_AnyRange_ReturnThatRange()
    {
        var plain = Make.Bytes(50_000);
        var reference = await Make.StoreAsync(_store, _key, plain, Make.Small());
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        var ranges = Gen.Zip(Gen.Choose(0, plain.Length), Gen.Choose(0, plain.Length)).ToArbitrary();
        Prop.ForAll(ranges, range =>
        {
            var (offset, end) = (Math.Min(range.Item1, range.Item2), Math.Max(range.Item1, range.Item2));
            var read = new byte[end - offset];
            var count = Run(async () => await reader.ReadAsync(offset, read, default));
            using var copied = new MemoryStream();
            Run(async () =>
            {
                await reader.CopyToAsync(copied, offset, end - offset, default);
                return 0;
            });
            var expected = plain.AsSpan(offset, end - offset);
            return count == read.Length && read.AsSpan().SequenceEqual(expected) && copied.ToArray().AsSpan().SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public async Task Read_SmallRange_TouchesOnlyItsSegments()
    {
        var plain = Make.Bytes(100 * 4096);
        var reference = await Make.StoreAsync(_store, _key, plain, Make.Small());
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        _store.Reads.Clear();
        var bytes = new byte[10];
        await reader.ReadAsync((50 * 4096) - 5, bytes, default);
        Assert.Equal(plain[((50 * 4096) - 5)..((50 * 4096) + 5)], bytes);
        Assert.Equal([(reference.Name, SealedHeader.Size + (49 * 4112L), 2 * 4112)], _store.Reads);
    }

    [Fact]
    public async Task Read_PastTheEnd_ReturnsWhatThereIs_AndCopyRefuses()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(100), Make.Small());
        Assert.Empty(await Make.ReadAsync(_store, reference, _key, 100, 10));
        Assert.Equal(10, (await Make.ReadAsync(_store, reference, _key, 90, 100)).Length);
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => reader.CopyToAsync(Stream.Null, 90, 11, default));
    }

    [Fact]
    public async Task Stream_ReadInOddPieces_ReturnsTheRange()
    {
        var plain = Make.Bytes(1_500_000);
        var reference = await Make.StoreAsync(_store, _key, plain, SealOptions.Default);
        await using var stream = new SealedStream(await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default), 1000, 1_400_000);
        using var copy = new MemoryStream();
        var buffer = new byte[700_001];
        foreach (var size in Enumerable.Repeat((int[])[1, 17, 4096, 100_000, 700_001], 10).SelectMany(x => x))
            copy.Write(buffer, 0, await stream.ReadAsync(buffer.AsMemory(0, size), default));
        Assert.Equal(plain[1000..1_401_000], copy.ToArray());
        Assert.Equal(1_400_000, stream.Position);
    }

    [Fact]
    public async Task Read_RangeAfterRange_GivesEveryByteAndReadsNoSegmentTwice()
    {
        var plain = Make.Bytes(1_500_000);
        var reference = await Make.StoreAsync(_store, _key, plain, SealOptions.Default);
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        using var copy = new MemoryStream();
        var pipe = System.IO.Pipelines.PipeWriter.Create(copy, new System.IO.Pipelines.StreamPipeWriterOptions(leaveOpen: true));
        _store.Reads.Clear();
        var at = 0;
        foreach (var size in (int[])[132, 0, 130_000, 940, 300_000, 131_072, 1, 262_143, 500_000, 175_712])
        {
            var head = new byte[Math.Min(132, size)];
            await reader.ReadAsync(at, head, default);
            Assert.Equal(plain[at..(at + head.Length)], head);
            await reader.CopyToAsync(pipe, at, size, default);
            at += size;
        }

        await pipe.CompleteAsync();
        Assert.Equal(plain, copy.ToArray());
        Assert.InRange(_store.Reads.Sum(range => (long)range.Count), plain.Length, plain.Length + 1024);
    }

    [Fact]
    public async Task Write_Failed_IsNeverResumed()
    {
        _store.BeforeWrite = _ => throw new IOException("no");
        await using var writer = SealedObjectWriter.Create(_store, Make.Folder, _key, SealedType.Pack, SealOptions.Default);
        await Assert.ThrowsAsync<IOException>(async () => await writer.WriteAsync(Make.Bytes(2_000_000), default));
        _store.BeforeWrite = null;
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.WriteAsync(Make.Bytes(10), default));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CommitAsync(default));
        Assert.Empty(_store.Objects);
    }

    [Fact]
    public async Task Write_KeptInMemory_IsHandedOverWholeAndReadsBack()
    {
        var plain = Make.Bytes(300_000);
        await using var writer = SealedObjectWriter.Create(_store, Make.Folder, _key, SealedType.Pack, SealOptions.Default, keepBytes: 1 << 20);
        await writer.WriteAsync(plain, default);
        var (reference, small) = await writer.CommitAsync(default);
        Assert.Empty(_store.Objects);
        using (small)
        {
            Assert.Equal(reference.Name, small!.Name);
            await small.StoreAsync(_store, default);
        }

        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
    }

    [Theory]
    [InlineData(526_000)] // Fills the writer's buffer, which is handed over itself.
    [InlineData(12_000)] // Copied out of it.
    public async Task Write_KeptInMemory_OutlivesItsWriter(int length)
    {
        var plain = Make.Bytes(length);
        SealedReference reference;
        SmallObject? small;
        await using (var writer = SealedObjectWriter.Create(_store, Make.Folder, _key, SealedType.Pack, SealOptions.Default, keepBytes: 1 << 20))
        {
            await writer.WriteAsync(plain, default);
            (reference, small) = await writer.CommitAsync(default);
        }

        // Whoever borrows what the writer has given back must not get the object's bytes.
        var borrowed = Enumerable.Range(0, 64).Select(_ => System.Buffers.ArrayPool<byte>.Shared.Rent(1 << 20)).ToList();
        foreach (var buffer in borrowed) buffer.AsSpan().Fill(0xEE);
        using (small) await small!.StoreAsync(_store, default);
        foreach (var buffer in borrowed) System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
    }

    [Fact]
    public async Task Write_OutgrowingMemory_StreamsIntoTheStore()
    {
        var plain = Make.Bytes(5_000_000);
        await using var writer = SealedObjectWriter.Create(_store, Make.Folder, _key, SealedType.Pack, SealOptions.Default, keepBytes: 2 << 20);
        for (var at = 0; at < plain.Length; at += 100_000) await writer.WriteAsync(plain.AsMemory(at, 100_000), default);
        var (reference, small) = await writer.CommitAsync(default);
        Assert.Null(small);
        Assert.InRange(_store.LargestWrite, 1, 2 << 20);
        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
    }

    [Fact]
    public void Seal_SameBytesAsTheStreamingWriter_ButForTheIdentity()
    {
        var plain = Make.Bytes(10_000);
        var (reference, small) = SealedObjectWriter.Seal(Make.Folder, _key, SealedType.Index, Make.Small(), plain);
        using (small) _store.Objects[small.Name] = small.Bytes.ToArray();
        Assert.Equal(plain, Run(async () => await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Index, _key, default)));
        Assert.EndsWith(".index", reference.Name, StringComparison.Ordinal);
    }

    private static T Run<T>(Func<Task<T>> work) => work().GetAwaiter().GetResult();
}
