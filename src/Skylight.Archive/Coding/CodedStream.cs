namespace Skylight.Archive.Coding;

/// <summary>A forward-only stream over the first bytes, or all, of a compressed instance as it was received. Owns its reader.</summary>
internal sealed class CodedStream(CodedReader reader, long length) : ReadOnlyStream
{
    private long _next;
    private bool _disposed;

    public override bool CanRead => !_disposed;

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
