using System.IO.Pipelines;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Packs;

/// <summary>
/// Reads ranges of instances for one answer, best in the order in which they were stored. The pack that was read last stays open, and the segment in which a range ended
/// is kept for the next, so that none is read and decrypted twice. Not for concurrent use.
/// </summary>
public sealed class PackCursor : IDisposable
{
    private readonly PackReader _packs;
    private SealedObjectReader? _open;
    private CodedReader? _coded;
    private (string Pack, long Offset) _codedAt;

    internal PackCursor(PackReader packs) => _packs = packs;

    /// <inheritdoc cref="PackReader.ReadAsync(IndexEntry, long, Memory{byte}, CancellationToken)"/>
    public async ValueTask ReadAsync(IndexEntry entry, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (entry.CodedLength > 0)
        {
            if (destination.Length > entry.Length - offset) throw PackReader.PastEnd(entry.Pack);
            await (await OpenCodedAsync(entry, cancellationToken)).ReadAsync(offset, destination, cancellationToken);
            return;
        }

        var reader = await OpenAsync(entry.Pack, cancellationToken);
        if (await reader.ReadAsync(entry.Offset + offset, destination, cancellationToken) != destination.Length) throw PackReader.PastEnd(entry.Pack);
    }

    /// <summary>Streams [offset, offset + length) of an instance, in bounded memory. Flushed as it grows; what is left at the end is the caller's to flush.</summary>
    /// <exception cref="SealedObjectException">The pack is damaged there, or ends before the range does.</exception>
    /// <exception cref="ObjectMissingException">The pack is gone: it was compacted or deleted. Read the study document again.</exception>
    /// <exception cref="KeyUnavailableException">Its key cannot be had.</exception>
    public async Task CopyAsync(IndexEntry entry, long offset, long length, PipeWriter destination, CancellationToken cancellationToken)
    {
        if (entry.CodedLength > 0)
        {
            if (length > entry.Length - offset) throw PackReader.PastEnd(entry.Pack);
            await (await OpenCodedAsync(entry, cancellationToken)).CopyAsync(offset, length, destination, cancellationToken);
            return;
        }

        var reader = await OpenAsync(entry.Pack, cancellationToken);
        if (entry.Offset + offset + length > entry.Pack.Length) throw PackReader.PastEnd(entry.Pack);
        await reader.CopyToAsync(destination, entry.Offset + offset, length, cancellationToken);
    }

    public void Dispose()
    {
        _open?.Dispose();
        _coded?.Dispose();
        (_open, _coded) = (null, null);
    }

    private async ValueTask<SealedObjectReader> OpenAsync(SealedReference pack, CancellationToken cancellationToken)
    {
        if (_open is { } open && open.Reference == pack) return open;
        Dispose();
        return _open = await _packs.OpenAsync(pack, cancellationToken);
    }

    /// <summary>The piece that was decoded last stays too.</summary>
    private async ValueTask<CodedReader> OpenCodedAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        if (_coded is { } open && _codedAt == (entry.Pack.Name, entry.Offset)) return open;
        Dispose();
        _codedAt = (entry.Pack.Name, entry.Offset);
        return _coded = await _packs.OpenCodedAsync(entry, cancellationToken);
    }
}
