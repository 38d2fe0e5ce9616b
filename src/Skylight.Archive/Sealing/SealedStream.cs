using System.Buffers;

namespace Skylight.Archive.Sealing;

/// <summary>A forward-only stream over a range of a sealed object's plaintext. Owns its reader.</summary>
public sealed class SealedStream : ReadOnlyStream
{
    private const int AheadBytes = 512 * 1024;

    private readonly SealedObjectReader _reader;
    private readonly long _start;
    private readonly long _end;
    private byte[]? _ahead;
    private int _aheadAt;
    private int _aheadCount;
    private long _next;
    private bool _disposed;

    /// <summary>The stream reads [offset, offset + length), which lies within the object.</summary>
    public SealedStream(SealedObjectReader reader, long offset, long length)
    {
        _reader = reader;
        _start = offset;
        _next = offset;
        _end = offset + length;
    }

    public override bool CanRead => !_disposed;

    public override long Length => _end - _start;

    public override long Position
    {
        get => _next - _start - (_aheadCount - _aheadAt);
        set => throw new NotSupportedException("The stream reads forward only.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (buffer.IsEmpty) return 0;
        if (_aheadAt == _aheadCount)
        {
            var left = (int)Math.Min(_end - _next, int.MaxValue);
            if (left == 0) return 0;
            if (buffer.Length >= Math.Min(AheadBytes, left))
            {
                // Large reads are decrypted straight into the caller's buffer.
                var direct = await _reader.ReadAsync(_next, buffer[..Math.Min(buffer.Length, left)], cancellationToken);
                _next += direct;
                return direct;
            }

            _ahead ??= ArrayPool<byte>.Shared.Rent(Math.Min(AheadBytes, left));
            _aheadCount = await _reader.ReadAsync(_next, _ahead.AsMemory(0, Math.Min(_ahead.Length, left)), cancellationToken);
            _aheadAt = 0;
            _next += _aheadCount;
        }

        var count = Math.Min(buffer.Length, _aheadCount - _aheadAt);
        _ahead.AsMemory(_aheadAt, count).CopyTo(buffer);
        _aheadAt += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (!_disposed && disposing)
        {
            _disposed = true;
            _reader.Dispose();
            if (_ahead is { } ahead) ArrayPool<byte>.Shared.Return(ahead);
            _ahead = null;
        }

        base.Dispose(disposing);
    }
}
