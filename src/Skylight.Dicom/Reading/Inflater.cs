using System.IO.Compression;

namespace Skylight.Dicom;

/// <summary>
/// Raw deflate in pieces. The stream under it answers "nothing yet" between pieces, which the inflater takes as a pause. It is given blocks of one size, whatever
/// the pieces: where a stream is damaged, what comes out before depends on how the bytes go in.
/// </summary>
internal sealed class Inflater : IDisposable
{
    private const int BlockBytes = 1024;

    private readonly Feeder _feeder = new();
    private readonly DeflateStream _stream;
    private readonly byte[] _block = new byte[BlockBytes];
    private int _count;
    private bool _started;

    public Inflater() => _stream = new DeflateStream(_feeder, CompressionMode.Decompress);

    public bool HadZlibHeader { get; private set; }

    /// <summary>The compressed stream has said that it ends. What follows is dropped.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>Takes compressed bytes, as many as a block still holds; then everything must be read before more is fed. Returns how many were taken.</summary>
    public int Feed(ReadOnlySpan<byte> bytes)
    {
        if (IsFinished) return bytes.Length;
        var n = Math.Min(BlockBytes - _count, bytes.Length);
        bytes[..n].CopyTo(_block.AsSpan(_count));
        _count += n;
        if (_count == BlockBytes) Flush();
        return n;
    }

    /// <summary>No more bytes come: what is left of a block goes in.</summary>
    public void End() => Flush();

    /// <summary>After <see cref="End"/> and the last read: asks the inflater whether it wants more. One byte more is taken only by a stream that has not ended.</summary>
    public bool WantsMore()
    {
        if (IsFinished) return false;
        _feeder.Add([0]);
        try
        {
            Span<byte> one = stackalloc byte[1];
            _ = _stream.Read(one);
        }
        catch (InvalidDataException)
        {
            return true;
        }

        return _feeder.Available == 0;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _feeder.Dispose();
    }

    /// <exception cref="InvalidDataException">The stream is damaged.</exception>
    public int Read(Span<byte> target)
    {
        if (IsFinished || !_started) return 0;
        var n = _stream.Read(target);
        // Nothing comes although input is left: the compressed stream is over.
        IsFinished = n == 0 && _feeder.Available > 0;
        return n;
    }

    private void Flush()
    {
        ReadOnlySpan<byte> block = _block.AsSpan(0, _count);
        _count = 0;
        if (!_started)
        {
            if (block.Length < 2) return;
            _started = true;
            // CM 8, a header checksum that fits: RFC 1950 around the RFC 1951 stream, as some writers send it.
            HadZlibHeader = block[0] == 0x78 && (block[0] << 8 | block[1]) % 31 == 0;
            if (HadZlibHeader) block = block[2..];
        }

        _feeder.Add(block);
    }
}

internal sealed class Feeder : Stream
{
    private byte[] _bytes = [];
    private int _start, _end;

    public int Available => _end - _start;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (_start == _end) _start = _end = 0;
        if (_bytes.Length - _end < bytes.Length) Array.Resize(ref _bytes, Math.Max(_end + bytes.Length, _bytes.Length * 2));
        bytes.CopyTo(_bytes.AsSpan(_end));
        _end += bytes.Length;
    }

    public override int Read(Span<byte> buffer)
    {
        var n = Math.Min(buffer.Length, Available);
        _bytes.AsSpan(_start, n).CopyTo(buffer);
        _start += n;
        return n;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
