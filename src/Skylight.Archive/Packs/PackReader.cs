using System.IO.Pipelines;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Packs;

/// <summary>Reads instances, or parts of them, out of packs. One for the process; safe for concurrent use.</summary>
public sealed class PackReader(IObjectStore store, IReadKeys keys)
{
    private readonly HeaderCache _headers = new(16_384);

    /// <summary>Reads [offset, offset + destination.Length) of a pack's plaintext.</summary>
    /// <exception cref="SealedObjectException">The pack is damaged there, or ends before the range does.</exception>
    /// <exception cref="ObjectMissingException">The pack is gone: it was compacted or deleted. Read the study document again.</exception>
    public async ValueTask ReadAsync(SealedReference pack, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(pack, cancellationToken);
        if (await reader.ReadAsync(offset, destination, cancellationToken) != destination.Length) throw PastEnd(pack);
    }

    /// <summary>Streams [offset, offset + length) of a pack's plaintext, in constant memory; only the segments touched are read.</summary>
    /// <inheritdoc cref="ReadAsync"/>
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
    /// <inheritdoc cref="ReadAsync"/>
    public async ValueTask<Stream> OpenStreamAsync(SealedReference pack, long offset, long length, CancellationToken cancellationToken)
    {
        if (offset + length > pack.Length) throw PastEnd(pack);
        return new SealedStream(await OpenAsync(pack, cancellationToken), offset, length);
    }

    private static SealedObjectException PastEnd(SealedReference pack) => new(pack.Name, 0, SealedFault.BadContent);

    private async ValueTask<SealedObjectReader> OpenAsync(SealedReference pack, CancellationToken cancellationToken)
    {
        // Packs never change under their name, so a header once read spares the store a request on each later read.
        if (_headers.Get(pack.Name) is { } known) return await SealedObjectReader.OpenAsync(store, pack, known, SealedType.Pack, keys, SealOptions.Default, cancellationToken);
        var header = await SealedObjectReader.ReadHeaderAsync(store, pack.Name, cancellationToken);
        var reader = await SealedObjectReader.OpenAsync(store, pack, header, SealedType.Pack, keys, SealOptions.Default, cancellationToken);

        // Kept only once it has opened: a damaged header must not outlive the object's repair.
        _headers.Put(pack.Name, header);
        return reader;
    }
}
