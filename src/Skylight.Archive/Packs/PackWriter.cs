using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Packs;

/// <summary>
/// Writes one pack: the unchanged bytes of instances of one series, one after another. An instance is [offset, length) of the plaintext; bytes of an
/// instance that was begun and given up are dead space that no index names. Not for concurrent use.
/// </summary>
public sealed class PackWriter : IAsyncDisposable
{
    /// <summary>Packs up to this many sealed bytes are handed over in memory by default, to travel inside the commit: 4 MiB.</summary>
    public const int DefaultKeepBytes = 4 << 20;

    private readonly SealedObjectWriter _writer;

    private PackWriter(SealedObjectWriter writer) => _writer = writer;

    /// <summary>The pack's name in the store.</summary>
    public string Name => _writer.Name;

    /// <summary>Where the next appended byte will lie in the pack.</summary>
    public long Position => _writer.Position;

    /// <summary>Starts a pack of a study.</summary>
    /// <param name="folder"><see cref="SealedName.Folder"/> of institution and study key.</param>
    /// <param name="key">The study's key; it may be disposed as soon as this returns.</param>
    public static PackWriter Create(IObjectStore store, string folder, DataKey key, SealOptions options, int keepBytes = DefaultKeepBytes) =>
        new(SealedObjectWriter.Create(store, folder, key, SealedType.Pack, options, keepBytes));

    /// <summary>Appends bytes of the current instance. The memory is free for reuse when the task completes.</summary>
    /// <exception cref="StorageFullException">The store has no room; dispose the pack.</exception>
    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => _writer.WriteAsync(bytes, cancellationToken);

    /// <summary>
    /// Ends the pack. With <c>Small</c> not null the pack is stored nowhere yet: it must travel in the commit batch (or be stored by
    /// <see cref="SmallObject.StoreAsync"/>) and be disposed after. With null it is durable in the store.
    /// </summary>
    public ValueTask<(SealedReference Reference, SmallObject? Small)> CommitAsync(CancellationToken cancellationToken) => _writer.CommitAsync(cancellationToken);

    /// <summary>Abandons a pack that was not committed.</summary>
    public ValueTask DisposeAsync() => _writer.DisposeAsync();
}
