using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>What the process allocates is measured here, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public sealed class MemoryAlone;

/// <summary>A file of any size passes through in bounded memory.</summary>
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests
{
    [Fact]
    public async Task Add_OfHugeMultiFrame_AllocatesLittle()
    {
        const long Pixels = 256L << 20;
        await using var bench = new IngestBench(wrapStore: store => new DiscardingStore(store));
        var head = TestDicom.Ct().Set(0x00280008, "IS", "1024").Us(0x00280010, 512).Us(0x00280011, 512).With(file => file.Pixels = null).ToBytes();
        byte[] pixelHeader = [0xE0, 0x7F, 0x10, 0, (byte)'O', (byte)'W', 0, 0, .. BitConverter.GetBytes((uint)Pixels)];
        await using var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await batch.AddInstanceAsync(new LongStream([.. head, .. pixelHeader], Pixels), new IngestName("huge"), default);
        var outcome = (await batch.CommitAsync(default)).Files[0];
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.Equal((OutcomeKind.Stored, head.Length + 12 + Pixels), (outcome.Kind, outcome.Length));
        Assert.Equal(1024, (await bench.Study()).Series[0].Frames);
        Assert.InRange(allocated, 0, 48 << 20);
    }

    /// <summary>Given bytes, then so many of a pattern.</summary>
    private sealed class LongStream(byte[] head, long tail) : Stream
    {
        private long _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = (int)Math.Min(buffer.Length, head.Length + tail - _at);
            if (_at < head.Length)
            {
                count = (int)Math.Min(count, head.Length - _at);
                head.AsSpan((int)_at, count).CopyTo(buffer.Span);
            }
            else
            {
                buffer.Span[..count].Fill((byte)(_at >> 18));
            }

            _at += count;
            return ValueTask.FromResult(count);
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    /// <summary>Takes packs of any size without keeping them.</summary>
    private sealed class DiscardingStore(IObjectStore inner) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) =>
            name.EndsWith(".pack", StringComparison.Ordinal) ? ValueTask.FromResult<ObjectWriter>(new Nowhere()) : inner.CreateAsync(name, cancellationToken);

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);

        private sealed class Nowhere : ObjectWriter
        {
            public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => ValueTask.CompletedTask;

            public override ValueTask CommitAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

            public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
