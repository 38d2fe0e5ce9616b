using System.IO.Compression;

namespace Skylight.Dicom;

/// <summary>Raw deflate in pieces. The stream under it answers "nothing yet" between pieces, which the inflater takes as a pause.</summary>
internal sealed class Inflater : IDisposable
{
    private readonly Feeder _feeder = new();
    private readonly DeflateStream _stream;
    private bool _started, _finished;

    public Inflater() => _stream = new DeflateStream(_feeder, CompressionMode.Decompress);

    public bool HadZlibHeader { get; private set; }

    /// <summary>Takes compressed bytes; what follows the end of the compressed stream is dropped.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (!_finished) _feeder.Add(bytes);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _feeder.Dispose();
    }

    public int Read(Span<byte> target)
    {
        if (!_started)
        {
            if (_feeder.Available < 2) return 0;
            _started = true;
            // CM 8, a header checksum that fits: RFC 1950 around the RFC 1951 stream, as some writers send it.
            var (a, b) = _feeder.Peek();
            if (a == 0x78 && (a << 8 | b) % 31 == 0)
            {
                _feeder.Skip(2);
                HadZlibHeader = true;
            }
        }

        if (_finished) return 0;
        var n = _stream.Read(target);
        // Nothing comes although input is left: the compressed stream is over.
        _finished = n == 0 && _feeder.Available > 0;
        return n;
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

    public (byte First, byte Second) Peek() => (_bytes[_start], _bytes[_start + 1]);

    public void Skip(int count) => _start += count;

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
