using Skylight.Archive;

namespace Skylight.Core.Ingest.Containers;

/// <summary>A stream whose first bytes can be looked at before it is read from the start.</summary>
internal sealed class PeekedStream : ReadOnlyStream
{
    private readonly Stream _inner;
    private readonly byte[] _head;
    private readonly int _count;
    private int _at;

    private PeekedStream(Stream inner, byte[] head, int count) => (_inner, _head, _count) = (inner, head, count);

    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _count);

    public static async ValueTask<PeekedStream> CreateAsync(Stream inner, int bytes, CancellationToken cancellationToken)
    {
        var head = new byte[bytes];
        return new PeekedStream(inner, head, await inner.ReadAtLeastAsync(head, bytes, throwOnEndOfStream: false, cancellationToken));
    }

    public override int Read(Span<byte> buffer) => _at < _count ? FromHead(buffer) : _inner.Read(buffer);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _at < _count ? ValueTask.FromResult(FromHead(buffer.Span)) : _inner.ReadAsync(buffer, cancellationToken);

    private int FromHead(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _count - _at);
        _head.AsSpan(_at, count).CopyTo(buffer);
        _at += count;
        return count;
    }
}
