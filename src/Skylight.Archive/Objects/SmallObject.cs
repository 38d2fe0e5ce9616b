using System.Buffers;

namespace Skylight.Archive.Objects;

/// <summary>
/// A whole sealed object that has not been stored yet: small enough to travel inside a commit instead of being a file or blob of its own first.
/// It owns a pooled buffer: whoever commits it disposes it afterwards, and the bytes must not be used after that.
/// </summary>
public sealed class SmallObject : IDisposable
{
    private readonly int _length;
    private byte[]? _buffer;

    internal SmallObject(string name, byte[] pooled, int length)
    {
        Name = name;
        _buffer = pooled;
        _length = length;
    }

    /// <summary>Copies <paramref name="bytes"/>, which must be a whole sealed object, into a buffer of its own.</summary>
    public SmallObject(string name, ReadOnlySpan<byte> bytes)
    {
        Name = ObjectName.Check(name);
        _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, bytes.Length));
        bytes.CopyTo(_buffer);
        _length = bytes.Length;
    }

    /// <summary>The object's name in the store.</summary>
    public string Name { get; }

    /// <summary>The sealed bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => new(_buffer ?? throw new ObjectDisposedException(nameof(SmallObject)), 0, _length);

    /// <summary>Stores it as an object of its own (the direct commit).</summary>
    public async ValueTask StoreAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        await using var writer = await store.CreateAsync(Name, cancellationToken);
        await writer.WriteAsync(Bytes, cancellationToken);
        await writer.CommitAsync(cancellationToken);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer) ArrayPool<byte>.Shared.Return(buffer);
    }
}
