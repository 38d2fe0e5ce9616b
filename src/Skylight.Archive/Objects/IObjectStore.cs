namespace Skylight.Archive.Objects;

/// <summary>
/// Immutable objects under opaque names (<c>{institution}/{studyKey}/{id}.{kind}</c>). An object is there whole or not at all; once
/// <see cref="ObjectWriter.CommitAsync"/> has returned it survives a power cut. Names never repeat, so nothing is ever overwritten.
/// </summary>
public interface IObjectStore
{
    /// <summary>Starts an object. Nothing is visible under the name before the commit; disposing without a commit abandons what was written.</summary>
    /// <exception cref="StorageFullException">The store has no room, or its free-space floor is reached.</exception>
    /// <exception cref="ArgumentException">The name is not a valid object name (<see cref="ObjectName"/>).</exception>
    ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken);

    /// <summary>Reads at <paramref name="offset"/> and answers the number of bytes read: fewer than asked only at the object's end, 0 past it.</summary>
    /// <exception cref="ObjectMissingException">There is no such object.</exception>
    /// <exception cref="ObjectArchivedException">The object lies in <see cref="ObjectTier.Archive"/>: it can be read once it has been moved to another tier.</exception>
    /// <exception cref="ObjectUnreadableException">The medium does not give the bytes back.</exception>
    ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>The object's length in bytes, or null when there is no such object.</summary>
    ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken);

    /// <summary>Deletes an object, durably. True when it was there.</summary>
    /// <exception cref="IOException">The store is away, so that nobody can say whether it is there.</exception>
    ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Names that start with <paramref name="prefix"/>, in no particular order. The prefix is empty or ends with '/'. An object committed or
    /// deleted while the listing runs may or may not be in it; one whose tier changes meanwhile is in it, perhaps twice.
    /// </summary>
    IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>
    /// Moves an object to a tier, its bytes verified before the old copy goes. From <see cref="ObjectTier.Archive"/> this starts a rehydration that may take
    /// hours: until it is over the object stays archived (<see cref="ObjectStatus.Rehydrating"/>), and further calls change nothing. The tier that it has
    /// already: nothing happens. May be repeated after any failure.
    /// </summary>
    /// <exception cref="ObjectMissingException">There is no such object.</exception>
    /// <exception cref="ObjectBusyException">The object cannot be moved just now.</exception>
    /// <exception cref="StorageFullException">The tier has no room; the object stays where it is.</exception>
    ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken);

    /// <summary>Length and tier of an object, without reading it; null when there is no such object.</summary>
    ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken);

    /// <summary>True when <see cref="ReadAsync"/> reads archived objects where they lie. Readers of images must not: their answer is a rehydration.</summary>
    bool ReadsArchived => false;

    /// <summary>The same objects for whoever copies or checks them: archived ones are read where they lie, if their medium is at hand (<see cref="ReadsArchived"/> of the answer says so).</summary>
    IObjectStore InPlace => this;
}

/// <summary>One object being written. Not for concurrent use. After any exception the writer is spent: dispose it and start over under a new name.</summary>
public abstract class ObjectWriter : IAsyncDisposable
{
    /// <summary>Appends bytes. The memory is free for reuse when the task completes.</summary>
    /// <exception cref="StorageFullException">The store ran out of room; nothing of the object remains.</exception>
    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Makes the object durable and visible under its name, in this order.</summary>
    /// <exception cref="ObjectExistsException">The name is taken; the existing object is untouched.</exception>
    public abstract ValueTask CommitAsync(CancellationToken cancellationToken);

    /// <summary>Abandons what was not committed.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>How fast, and how dear, an object is to read. The first three are read alike; an archived object must be rehydrated first.</summary>
public enum ObjectTier
{
    Hot,
    Cool,
    Cold,
    Archive,
}

/// <summary>Where an object stands. <see cref="Rehydrating"/>: on its way out of <see cref="ObjectTier.Archive"/>, not readable yet.</summary>
public readonly record struct ObjectStatus(long Length, ObjectTier Tier, bool Rehydrating);

/// <summary>The object is there, in the archive tier: it cannot be read before it has been rehydrated.</summary>
public sealed class ObjectArchivedException(string name) : IOException($"The object '{name}' is archived.")
{
    public string Name { get; } = name;
}

/// <summary>The object cannot change its tier just now (it has not come to rest yet); the same call later succeeds.</summary>
public sealed class ObjectBusyException(string name) : IOException($"The object '{name}' cannot be moved just now.")
{
    public string Name { get; } = name;
}

/// <summary>There is no object of that name.</summary>
public sealed class ObjectMissingException(string name) : IOException($"There is no object '{name}'.")
{
    public string Name { get; } = name;
}

/// <summary>The object is there, and its medium does not give the bytes back (a bad sector): this copy is lost.</summary>
public sealed class ObjectUnreadableException(string name, Exception inner) : IOException($"The medium does not give back the object '{name}'.", inner)
{
    public string Name { get; } = name;
}

/// <summary>An object of that name exists; objects are never overwritten.</summary>
public sealed class ObjectExistsException(string name) : IOException($"There is already an object '{name}'.")
{
    public string Name { get; } = name;
}

/// <summary>The store has no room left (disk full, quota, or the configured free-space floor). Nothing half-written remains; it answers 507 upstream. Its HResult is ENOSPC.</summary>
public sealed class StorageFullException : IOException
{
    private const int NoSpace = 28;

    public StorageFullException(string message, Exception? inner = null)
        : base(message, inner) => HResult = NoSpace;
}
