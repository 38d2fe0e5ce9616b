using System.Buffers;

namespace Skylight.Imaging;

/// <summary>Pooled memory for frames. What is rented belongs to the caller until it is disposed of; <see cref="Rented"/> is what tests look for leaks with.</summary>
public static class PixelBuffers
{
    private static int s_rented;

    /// <summary>Buffers that are out at the moment, over the whole process.</summary>
    public static int Rented => Volatile.Read(ref s_rented);

    /// <summary>A buffer of exactly <paramref name="length"/> bytes, content undefined.</summary>
    public static IMemoryOwner<byte> Rent(int length) => new Buffer(length);

    private sealed class Buffer : IMemoryOwner<byte>
    {
        private readonly int _length;
        private byte[]? _bytes;

        public Buffer(int length)
        {
            _bytes = ArrayPool<byte>.Shared.Rent(length);
            _length = length;
            Interlocked.Increment(ref s_rented);
        }

        public Memory<byte> Memory => (_bytes ?? throw new ObjectDisposedException(nameof(PixelBuffers))).AsMemory(0, _length);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is not { } bytes) return;
            ArrayPool<byte>.Shared.Return(bytes);
            Interlocked.Decrement(ref s_rented);
        }
    }
}

/// <summary>One decoded frame: stored values little endian, colour by pixel, in a pooled buffer that its holder disposes of.</summary>
public sealed class DecodedFrame(PixelLayout layout, IMemoryOwner<byte> values) : IDisposable
{
    public PixelLayout Layout { get; } = layout;

    public ReadOnlyMemory<byte> Values => values.Memory;

    public void Dispose() => values.Dispose();
}
