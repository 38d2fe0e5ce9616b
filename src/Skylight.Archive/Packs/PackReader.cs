using System.IO.Pipelines;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Packs;

/// <summary>
/// Reads instances, or parts of them, out of packs: always the bytes as they were received, however they are kept. One for the process; safe for concurrent use.
/// </summary>
/// <param name="codecs">What compressed instances are decoded with; without it those cannot be read.</param>
public sealed class PackReader(IObjectStore store, IReadKeys keys, PictureCodecs? codecs = null)
{
    private readonly PictureCodecs _codecs = codecs ?? PictureCodecs.None;
    private readonly Generations<SealedHeader> _headers = new(16_384);
    private readonly Generations<CodedLayout> _layouts = new(1 << 20);

    /// <summary>A reader of the first copies alone, which shares nothing with this one: for those who want to know how they stand.</summary>
    public PackReader OfFirstCopies() => new(MirroredObjectStore.FirstOf(store), keys, _codecs);

    /// <summary>Reads [offset, offset + destination.Length) of an instance.</summary>
    /// <exception cref="SealedObjectException">The pack is damaged there, or ends before the range does.</exception>
    /// <exception cref="ObjectMissingException">The pack is gone: it was compacted or deleted. Read the study document again.</exception>
    /// <exception cref="CodecUnavailableException">It is compressed by a codec that this process does not have.</exception>
    public async ValueTask ReadAsync(IndexEntry entry, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (entry.CodedLength == 0)
        {
            await ReadAsync(entry.Pack, entry.Offset + offset, destination, cancellationToken);
            return;
        }

        using var reader = await OpenCodedAsync(entry, cancellationToken);
        if (destination.Length > entry.Length - offset) throw PastEnd(entry.Pack);
        await reader.ReadAsync(offset, destination, cancellationToken);
    }

    /// <summary>Streams [offset, offset + length) of an instance, in bounded memory.</summary>
    /// <inheritdoc cref="ReadAsync(IndexEntry, long, Memory{byte}, CancellationToken)"/>
    public async Task CopyAsync(IndexEntry entry, long offset, long length, PipeWriter destination, CancellationToken cancellationToken)
    {
        if (entry.CodedLength == 0)
        {
            await CopyAsync(entry.Pack, entry.Offset + offset, length, destination, cancellationToken);
            return;
        }

        using var reader = await OpenCodedAsync(entry, cancellationToken);
        if (length > entry.Length - offset) throw PastEnd(entry.Pack);
        await reader.CopyAsync(offset, length, destination, cancellationToken);
    }

    /// <summary>A forward stream over the first <paramref name="length"/> bytes of an instance: for readers that parse.</summary>
    /// <inheritdoc cref="ReadAsync(IndexEntry, long, Memory{byte}, CancellationToken)"/>
    public async ValueTask<Stream> OpenStreamAsync(IndexEntry entry, long length, CancellationToken cancellationToken)
    {
        if (entry.CodedLength == 0) return await OpenStreamAsync(entry.Pack, entry.Offset, length, cancellationToken);
        if (length > entry.Length) throw PastEnd(entry.Pack);
        return new CodedStream(await OpenCodedAsync(entry, cancellationToken), length);
    }

    /// <inheritdoc cref="OpenStreamAsync(IndexEntry, long, CancellationToken)"/>
    public ValueTask<Stream> OpenStreamAsync(IndexEntry entry, CancellationToken cancellationToken) => OpenStreamAsync(entry, entry.Length, cancellationToken);

    /// <summary>Checks that a compressed instance is the one that the index names, without decoding it: what a copy of its stored bytes asks for.</summary>
    internal async ValueTask CheckCodedAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(entry.Pack, cancellationToken);
        await CodedReader.ReadLayoutAsync(reader, entry, cancellationToken);
    }

    /// <summary>For an answer that reads several ranges, or several instances, one after the other.</summary>
    public PackCursor OpenCursor() => new(this);

    internal async ValueTask<CodedReader> OpenCodedAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        var pack = await OpenAsync(entry.Pack, cancellationToken);
        try
        {
            var name = $"{entry.Pack.Name}/{entry.Offset}";
            if (_layouts.Get(name) is not { } layout)
            {
                layout = await CodedReader.ReadLayoutAsync(pack, entry, cancellationToken);
                _layouts.Put(name, layout, layout.Pieces + 32);
            }

            return new CodedReader(pack, entry.Offset, layout, _codecs.Get(layout.Codec));
        }
        catch
        {
            pack.Dispose();
            throw;
        }
    }

    /// <summary>Reads [offset, offset + destination.Length) of a pack's plaintext.</summary>
    /// <exception cref="SealedObjectException">The pack is damaged there, or ends before the range does.</exception>
    /// <exception cref="ObjectMissingException">The pack is gone: it was compacted or deleted. Read the study document again.</exception>
    public async ValueTask ReadAsync(SealedReference pack, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(pack, cancellationToken);
        if (await reader.ReadAsync(offset, destination, cancellationToken) != destination.Length) throw PastEnd(pack);
    }

    /// <summary>Streams [offset, offset + length) of a pack's plaintext, in constant memory; only the segments touched are read.</summary>
    /// <inheritdoc cref="ReadAsync(SealedReference, long, Memory{byte}, CancellationToken)"/>
    public async Task CopyAsync(SealedReference pack, long offset, long length, Stream destination, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(pack, cancellationToken);
        if (offset + length > pack.Length) throw PastEnd(pack);
        await reader.CopyToAsync(destination, offset, length, cancellationToken);
    }

    /// <inheritdoc cref="CopyAsync(SealedReference, long, long, Stream, CancellationToken)"/>
    public async Task CopyAsync(SealedReference pack, long offset, long length, PipeWriter destination, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(pack, cancellationToken);
        if (offset + length > pack.Length) throw PastEnd(pack);
        await reader.CopyToAsync(destination, offset, length, cancellationToken);
    }

    /// <summary>A forward stream over [offset, offset + length) of a pack's plaintext: for readers that parse.</summary>
    /// <inheritdoc cref="ReadAsync(SealedReference, long, Memory{byte}, CancellationToken)"/>
    public async ValueTask<Stream> OpenStreamAsync(SealedReference pack, long offset, long length, CancellationToken cancellationToken)
    {
        if (offset + length > pack.Length) throw PastEnd(pack);
        return new SealedStream(await OpenAsync(pack, cancellationToken), offset, length);
    }

    internal static SealedObjectException PastEnd(SealedReference pack) => new(pack.Name, 0, SealedFault.BadContent);

    internal async ValueTask<SealedObjectReader> OpenAsync(SealedReference pack, CancellationToken cancellationToken)
    {
        // Packs never change under their name, so a header once read spares the store a request on each later read.
        if (_headers.Get(pack.Name) is { } known) return await SealedObjectReader.OpenAsync(store, pack, known, SealedType.Pack, keys, SealOptions.Default, cancellationToken, _headers);
        var reader = await SealedObjectReader.OpenAsync(store, pack, SealedType.Pack, keys, SealOptions.Default, cancellationToken, _headers);

        // Kept only once it has opened, and until a segment fails under it: a damaged header must not outlive the object's repair.
        _headers.Put(pack.Name, reader.Header);
        return reader;
    }
}
