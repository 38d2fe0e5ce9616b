namespace Skylight.Archive.Coding;

/// <summary>A forward-only stream over the first bytes, or all, of a compressed instance as it was received. Owns its reader.</summary>
internal sealed class CodedStream(CodedReader reader, long length) : Stream
{
    private long _next;
    private bool _disposed;

    public override bool CanRead => !_disposed;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _next;
        set => throw new NotSupportedException("The stream reads forward only.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (buffer.IsEmpty || _next == length) return 0;

        // No further than what lies together: who only wants the header has no frame decoded.
        var section = await reader.SectionAsync(_next, cancellationToken);
        var count = (int)Math.Min(Math.Min(section.Length, buffer.Length), length - _next);
        section[..count].CopyTo(buffer);
        _next += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Reading is asynchronous: the store may be remote.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("The stream reads forward only.");

    public override void SetLength(long value) => throw new NotSupportedException("The stream is read-only.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("The stream is read-only.");

    protected override void Dispose(bool disposing)
    {
        if (!_disposed && disposing)
        {
            _disposed = true;
            reader.Dispose();
        }

        base.Dispose(disposing);
    }
}
