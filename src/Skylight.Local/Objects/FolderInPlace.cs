using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>An object folder for whoever copies or checks its objects: those in the archive tier's folder are read there.</summary>
internal sealed class FolderInPlace(FolderObjectStore folder) : IObjectStore
{
    public bool ReadsArchived => true;

    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => folder.ReadAsync(name, offset, destination, archived: true, cancellationToken);

    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => folder.CreateAsync(name, cancellationToken);

    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => folder.GetLengthAsync(name, cancellationToken);

    public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => folder.DeleteAsync(name, cancellationToken);

    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => folder.ListAsync(prefix, cancellationToken);

    public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => folder.SetTierAsync(name, tier, cancellationToken);

    public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => folder.GetStatusAsync(name, cancellationToken);
}
