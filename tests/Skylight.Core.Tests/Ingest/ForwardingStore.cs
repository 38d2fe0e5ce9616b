using Skylight.Archive.Objects;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Passes everything on: a store that misbehaves overrides what it does otherwise.</summary>
internal abstract class ForwardingStore(IObjectStore inner) : IObjectStore
{
    public virtual ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

    public virtual ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

    public virtual ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

    public virtual ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

    public virtual IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

    public virtual ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

    public virtual ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);
}
