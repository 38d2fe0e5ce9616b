using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Skylight.Edge.Hosting;

/// <summary>
/// The memory that requests are received into and answers leave from, in blocks of 32 KiB. The server's own blocks have 4 KiB, and each costs a system call: a CT slice
/// came in 130 of them.
/// </summary>
internal sealed class RequestMemory : IMemoryPoolFactory<byte>
{
    private const int BlockBytes = 32 * 1024;

    /// <summary>Blocks that are kept for the next request: 16 MiB. A connection that is idle has none.</summary>
    private const int MaxKept = 512;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    private sealed class Pool : MemoryPool<byte>
    {
        private readonly ConcurrentQueue<Block> _free = new();
        private bool _disposed;

        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            return _free.TryDequeue(out var block) ? block.Again() : new Block(this);
        }

        protected override void Dispose(bool disposing)
        {
            _disposed = true;
            _free.Clear();
        }

        private void Return(Block block)
        {
            if (!_disposed && _free.Count < MaxKept) _free.Enqueue(block);
        }

        private sealed class Block(Pool pool) : IMemoryOwner<byte>
        {
            // Pinned, so that the collector need not move around what the kernel writes to.
            private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);
            private int _returned;

            public Memory<byte> Memory => _bytes;

            public Block Again()
            {
                _returned = 0;
                return this;
            }

            public void Dispose()
            {
                if (Interlocked.Exchange(ref _returned, 1) == 0) pool.Return(this);
            }
        }
    }
}
