namespace Skylight.Archive.Objects;

/// <summary>
/// A store whose objects have second copies elsewhere. Everything asked of it is asked of the first copy alone; a reader of sealed objects
/// (<see cref="Sealing.SealedObjectReader"/>) that finds one damaged or missing there reads on from the second, where each segment has to prove itself as well.
/// </summary>
/// <param name="fellBack">Told the name of an object of which something was read from the other copy. Called in the middle of a read: it neither waits nor throws.</param>
public sealed class MirroredObjectStore(IObjectStore first, IObjectStore second, Action<string> fellBack) : IObjectStore
{
    /// <summary>The first copy.</summary>
    public IObjectStore First { get; } = first;

    /// <summary>The second copy.</summary>
    public IObjectStore Second { get; } = second;

    /// <summary>The first copy of a mirrored store, and any other store itself: for those who want to know how it stands.</summary>
    public static IObjectStore FirstOf(IObjectStore store) => store is MirroredObjectStore mirror ? mirror.First : store;

    /// <inheritdoc/>
    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => First.CreateAsync(name, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => First.ReadAsync(name, offset, destination, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => First.GetLengthAsync(name, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => First.DeleteAsync(name, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => First.ListAsync(prefix, cancellationToken);

    /// <inheritdoc/>
    public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => First.SetTierAsync(name, tier, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => First.GetStatusAsync(name, cancellationToken);

    internal void FellBack(string name) => fellBack(name);
}
