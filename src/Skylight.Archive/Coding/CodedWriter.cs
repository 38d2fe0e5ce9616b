using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Coding;

/// <summary>
/// Writes one instance compressed into a pack, piece by piece. Nothing reaches the pack before the first 32 MiB of it, or all, have shown that it pays; from
/// there on pieces that do not compress are kept as they are.
/// </summary>
internal sealed class CodedWriter(PackWriter pack, IPictureCodec codec)
{
    private const int SpoolBytes = 32 << 20;

    /// <summary>What an instance must shrink to at most: nine tenths.</summary>
    private const double Worth = 0.9;

    /// <summary>Bytes of frames after which it is first asked whether they shrink at all.</summary>
    private const int TrialBytes = 8 << 20;

    private const int MinPackedBytes = 512;

    private readonly Queue<(byte[] Buffer, int Length)> _spool = [];
    private readonly List<(int Stored, bool Raw)> _pieces = [];
    private long _spooled, _written, _taken;
    private bool _committed;

    /// <summary>Reads an instance from <paramref name="file"/> and appends it compressed. The bytes it takes in the pack; 0 when it does not pay: copy it then.</summary>
    /// <exception cref="SealedObjectException">The file is not what its index entry says.</exception>
    public async Task<long> WriteAsync(IndexEntry entry, Stream file, PixelRegion region, CancellationToken cancellationToken)
    {
        region = region with { Shape = region.Shape.InStrips() };
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            if (await TextAsync(file, region.Start, hash, cancellationToken) is not { } before) return 0;
            for (var frame = 0; frame < region.Frames; frame++)
            {
                for (var piece = 0; piece < region.Shape.PiecesPerFrame; piece++)
                {
                    await PieceAsync(file, region.Shape, piece, hash, cancellationToken);
                    if (!await CheckAsync(cancellationToken)) return 0;
                }
            }

            if (await TextAsync(file, entry.Length - region.End, hash, cancellationToken) is not { } behind) return 0;
            if (!hash.GetHashAndReset().AsSpan().SequenceEqual(entry.FileSha256)) throw new SealedObjectException(entry.Pack.Name, 0, SealedFault.BadContent);
            var layout = CodedLayout.Write(entry.Length, entry.FileSha256, codec.Id, region, before, behind, _pieces);
            if (_written + layout.Length > (_committed ? entry.Length - 1 : entry.Length * Worth)) return 0;
            await FlushAsync(cancellationToken);
            await pack.AppendAsync(layout, cancellationToken);
            return _written + layout.Length;
        }
        finally
        {
            foreach (var (buffer, _) in _spool) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Bytes around the frames: packed where they are short, as they are where they are long. Null when they outgrew what is tried.</summary>
    private async Task<CodedText?> TextAsync(Stream file, long length, IncrementalHash hash, CancellationToken cancellationToken)
    {
        var packs = length is >= MinPackedBytes and <= CodedLayout.MaxPackedBytes;
        for (var left = length; left > 0;)
        {
            var (buffer, count) = await TakeAsync(file, (int)Math.Min(CodedLayout.MaxPackedBytes, left), hash, cancellationToken);
            left -= count;
            if (packs)
            {
                var packed = ArrayPool<byte>.Shared.Rent(count);
                if (BrotliEncoder.TryCompress(buffer.AsSpan(0, count), packed.AsSpan(0, count - (count / 8)), out var size, quality: 5, window: 20))
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                    Spool(packed, size);
                    return new CodedText(length, size, Packed: true);
                }

                ArrayPool<byte>.Shared.Return(packed);
            }

            Spool(buffer, count);
            if (!await CheckAsync(cancellationToken)) return null;
        }

        return new CodedText(length, length, Packed: false);
    }

    private async Task PieceAsync(Stream file, PixelShape shape, int index, IncrementalHash hash, CancellationToken cancellationToken)
    {
        var (rows, samples, _) = shape.Piece(index);
        var (buffer, length) = await TakeAsync(file, rows * shape.Columns * samples * shape.SampleBytes, hash, cancellationToken);
        if (PieceCoder.Encode(shape, rows, samples, buffer.AsSpan(0, length), codec) is not { } coded)
        {
            _pieces.Add((length, true));
            Spool(buffer, length);
            return;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        buffer = ArrayPool<byte>.Shared.Rent(coded.Length);
        coded.CopyTo(buffer, 0);
        _pieces.Add((coded.Length, false));
        Spool(buffer, coded.Length);
    }

    private async Task<(byte[] Buffer, int Length)> TakeAsync(Stream file, int length, IncrementalHash hash, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        await file.ReadExactlyAsync(buffer.AsMemory(0, length), cancellationToken);
        hash.AppendData(buffer, 0, length);
        _taken += length;
        return (buffer, length);
    }

    private void Spool(byte[] buffer, int length)
    {
        _spool.Enqueue((buffer, length));
        _spooled += length;
        _written += length;
    }

    /// <summary>False when what has been tried so far does not pay.</summary>
    private async ValueTask<bool> CheckAsync(CancellationToken cancellationToken)
    {
        if (!_committed && _taken >= TrialBytes && _written > _taken * Worth) return false;
        if (_committed ? _spool.Count > 0 : _spooled >= SpoolBytes) await FlushAsync(cancellationToken);
        return true;
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        _committed = true;
        while (_spool.TryPeek(out var next))
        {
            await pack.AppendAsync(next.Buffer.AsMemory(0, next.Length), cancellationToken);
            ArrayPool<byte>.Shared.Return(_spool.Dequeue().Buffer);
        }

        _spooled = 0;
    }
}
