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
    ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken);

    /// <summary>The object's length in bytes, or null when there is no such object.</summary>
    ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken);

    /// <summary>Deletes an object, durably. True when it was there.</summary>
    ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Names that start with <paramref name="prefix"/>, in no particular order. The prefix is empty or ends with '/'. An object committed or
    /// deleted while the listing runs may or may not be in it.
    /// </summary>
    IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken);
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

/// <summary>There is no object of that name.</summary>
public sealed class ObjectMissingException(string name) : IOException($"There is no object '{name}'.")
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
