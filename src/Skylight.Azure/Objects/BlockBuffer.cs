using System.Buffers;
using Skylight.Archive;

namespace Skylight.Azure.Objects;

/// <summary>What is gathered for one request, in pooled pieces: it grows without copying, and a small object takes little. Reads like a seekable stream, for repeats and checksums.</summary>
internal sealed class BlockBuffer : ReadOnlyStream
{
    private const int FirstPiece = 64 << 10;
    private const int Piece = 1 << 20;

    private readonly List<byte[]> _pieces = [];
    private long _length;
    private long _position;

    public override bool CanSeek => true;

    public override long Length => _length;

    public override long Position
    {
        get => _position;
        set => _position = Math.Clamp(value, 0, _length);
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var (piece, at) = Place(_length);
            if (piece == _pieces.Count) _pieces.Add(ArrayPool<byte>.Shared.Rent(SizeOf(piece)));
            var take = Math.Min(bytes.Length, SizeOf(piece) - at);
            bytes[..take].CopyTo(_pieces[piece].AsSpan(at));
            _length += take;
            bytes = bytes[take..];
        }
    }

    /// <summary>Empties it; the memory stays for what comes next.</summary>
    public void Clear() => (_length, _position) = (0, 0);

    public override int Read(Span<byte> buffer)
    {
        var (piece, at) = Place(_position);
        var count = (int)Math.Min(Math.Min(buffer.Length, _length - _position), SizeOf(piece) - at);
        if (count <= 0) return 0;
        _pieces[piece].AsSpan(at, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

    protected override void Dispose(bool disposing)
    {
        foreach (var piece in _pieces) ArrayPool<byte>.Shared.Return(piece);
        _pieces.Clear();
        Clear();
        base.Dispose(disposing);
    }

    private static int SizeOf(int piece) => piece == 0 ? FirstPiece : Piece;

    private static (int Piece, int At) Place(long position) =>
        position < FirstPiece ? (0, (int)position) : (1 + (int)((position - FirstPiece) / Piece), (int)((position - FirstPiece) % Piece));
}
