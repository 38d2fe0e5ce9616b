using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Coding;

/// <summary>
/// Reads the bytes of a compressed instance as they were received, from any place on. Memory is one piece of a frame, coded and decoded. Not for concurrent use.
/// </summary>
internal sealed class CodedReader : IDisposable
{
    /// <summary>The end of an instance that is read at once: most descriptions are shorter.</summary>
    private const int FirstReadBytes = 4096;

    private const int ChunkBytes = 256 << 10;
    private const int FlushBytes = 256 << 10;

    private readonly SealedObjectReader _pack;
    private readonly long _start;
    private readonly CodedLayout _layout;
    private readonly IPictureCodec _codec;
    private readonly string _name;
    private byte[]? _plain;
    private long _plainAt = -1;
    private int _plainLength;

    /// <summary>Owns <paramref name="pack"/>. The instance begins at <paramref name="start"/> of its plaintext.</summary>
    public CodedReader(SealedObjectReader pack, long start, CodedLayout layout, IPictureCodec codec)
    {
        (_pack, _start, _layout, _codec, _name) = (pack, start, layout, codec, pack.Reference.Name);
    }

    /// <summary>Reads the description of an instance.</summary>
    /// <exception cref="SealedObjectException">What lies there is not the instance that the index names.</exception>
    public static async ValueTask<CodedLayout> ReadLayoutAsync(SealedObjectReader pack, IndexEntry entry, CancellationToken cancellationToken)
    {
        var name = pack.Reference.Name;
        var tail = (int)Math.Min(FirstReadBytes, entry.CodedLength);
        if (tail < CodedLayout.TrailerBytes || entry.Offset + entry.CodedLength > pack.Length) throw Bad(name);
        var buffer = ArrayPool<byte>.Shared.Rent(tail);
        try
        {
            await pack.ReadAsync(entry.Offset + entry.CodedLength - tail, buffer.AsMemory(0, tail), cancellationToken);
            var length = CodedLayout.Length(name, buffer.AsSpan(tail - CodedLayout.TrailerBytes, CodedLayout.TrailerBytes), entry.CodedLength);
            var stored = entry.CodedLength - CodedLayout.TrailerBytes - length;
            if (length + CodedLayout.TrailerBytes > tail)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = ArrayPool<byte>.Shared.Rent(length);
                await pack.ReadAsync(entry.Offset + stored, buffer.AsMemory(0, length), cancellationToken);
                tail = length + CodedLayout.TrailerBytes;
            }

            var layout = CodedLayout.Parse(name, buffer.AsSpan(tail - CodedLayout.TrailerBytes - length, length), stored);
            return layout.FileLength == entry.Length && layout.FileSha256.AsSpan().SequenceEqual(entry.FileSha256) ? layout : throw Bad(name);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (!destination.IsEmpty)
        {
            var section = await SectionAsync(offset, cancellationToken);
            var count = Math.Min(section.Length, destination.Length);
            section[..count].CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }
    }

    public async Task CopyAsync(long offset, long length, Stream destination, CancellationToken cancellationToken)
    {
        for (var end = offset + length; offset < end;)
        {
            var section = await SectionAsync(offset, cancellationToken);
            section = section[..(int)Math.Min(section.Length, end - offset)];
            await destination.WriteAsync(section, cancellationToken);
            offset += section.Length;
        }
    }

    public async Task CopyAsync(long offset, long length, PipeWriter destination, CancellationToken cancellationToken)
    {
        for (var end = offset + length; offset < end;)
        {
            var section = await SectionAsync(offset, cancellationToken);
            section = section[..(int)Math.Min(Math.Min(section.Length, end - offset), FlushBytes)];
            section.Span.CopyTo(destination.GetSpan(section.Length));
            destination.Advance(section.Length);
            offset += section.Length;
            if ((await destination.FlushAsync(cancellationToken)).IsCompleted) return;
        }
    }

    /// <summary>Bytes of the file from <paramref name="offset"/> on, at least one, as many as lie together. They hold until the next call.</summary>
    /// <exception cref="SealedObjectException">A segment, or what is in it, is damaged.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> SectionAsync(long offset, CancellationToken cancellationToken)
    {
        if (_plainAt < 0 || offset < _plainAt || offset >= _plainAt + _plainLength) await LoadAsync(offset, cancellationToken);
        var skip = (int)(offset - _plainAt);
        return _plain.AsMemory(skip, _plainLength - skip);
    }

    public void Dispose()
    {
        _pack.Dispose();
        if (_plain is { } plain) ArrayPool<byte>.Shared.Return(plain);
        _plain = null;
    }

    private ValueTask LoadAsync(long offset, CancellationToken cancellationToken)
    {
        var region = _layout.Region;
        if (offset < 0 || offset >= _layout.FileLength) throw new ArgumentOutOfRangeException(nameof(offset), "The range reaches past the instance's end.");
        if (offset < region.Start) return LoadTextAsync(_layout.Before, 0, 0, offset, cancellationToken);
        if (offset >= region.End) return LoadTextAsync(_layout.Behind, region.End, _layout.BehindAt, offset, cancellationToken);
        return LoadPieceAsync(offset - region.Start, cancellationToken);
    }

    private async ValueTask LoadTextAsync(CodedText text, long plainAt, long storedAt, long offset, CancellationToken cancellationToken)
    {
        if (!text.Packed)
        {
            var skip = offset - plainAt;
            Take((int)Math.Min(ChunkBytes, text.Length - skip));
            await _pack.ReadAsync(_start + storedAt + skip, _plain.AsMemory(0, _plainLength), cancellationToken);
            _plainAt = offset;
            return;
        }

        var packed = ArrayPool<byte>.Shared.Rent((int)text.StoredLength);
        try
        {
            await _pack.ReadAsync(_start + storedAt, packed.AsMemory(0, (int)text.StoredLength), cancellationToken);
            Take((int)text.Length);
            if (!BrotliDecoder.TryDecompress(packed.AsSpan(0, (int)text.StoredLength), _plain.AsSpan(0, _plainLength), out var count) || count != _plainLength) throw Bad(_name);
            _plainAt = plainAt;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    private async ValueTask LoadPieceAsync(long offset, CancellationToken cancellationToken)
    {
        var shape = _layout.Region.Shape;
        var (frame, within) = ((int)(offset / shape.FrameBytes), (int)(offset % shape.FrameBytes));
        var index = shape.PieceAt(within);
        var (rows, samples, first) = shape.Piece(index);
        var piece = _layout.Piece((frame * shape.PiecesPerFrame) + index);
        var length = rows * shape.Columns * samples * shape.SampleBytes;
        Take(length);
        var at = _layout.Region.Start + ((long)frame * shape.FrameBytes) + first;
        if (piece.Raw)
        {
            if (piece.Stored != length) throw Bad(_name);
            await _pack.ReadAsync(_start + piece.At, _plain.AsMemory(0, length), cancellationToken);
            _plainAt = at;
            return;
        }

        var coded = ArrayPool<byte>.Shared.Rent(piece.Stored);
        try
        {
            await _pack.ReadAsync(_start + piece.At, coded.AsMemory(0, piece.Stored), cancellationToken);
            PieceCoder.Decode(_name, shape, rows, samples, coded.AsSpan(0, piece.Stored), _codec, _plain.AsSpan(0, length));
            _plainAt = at;
        }
        catch (InvalidDataException)
        {
            throw Bad(_name);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(coded);
        }
    }

    /// <summary>Room for what comes next; nothing counts as loaded until it is there.</summary>
    private void Take(int length)
    {
        _plainAt = -1;
        _plainLength = length;
        if (_plain?.Length >= length) return;
        if (_plain is { } old) ArrayPool<byte>.Shared.Return(old);
        _plain = null;
        _plain = ArrayPool<byte>.Shared.Rent(length);
    }

    private static SealedObjectException Bad(string name) => new(name, 0, SealedFault.BadContent);
}
