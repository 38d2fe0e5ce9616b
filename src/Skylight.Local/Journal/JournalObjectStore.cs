using System.Runtime.CompilerServices;
using Skylight.Archive.Objects;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>The object store that readers and writers on the edge see: what still lies in the journal over what lies in the folder.</summary>
public sealed class JournalObjectStore(Journal journal, IObjectStore inner) : IObjectStore
{
    /// <inheritdoc/>
    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (journal.Index.Find(ObjectName.Check(name)) is { } place)
        {
            try
            {
                return ValueTask.FromResult(Read(place, offset, destination.Span));
            }
            catch (ObjectDisposedException)
            {
                // The file was drained and dropped in between: the object stands in the folder.
            }
            catch (IOException error) when (error is EndOfStreamException || LibC.IsUnreadable(error))
            {
                throw new ObjectUnreadableException(name, error);
            }
        }

        return inner.ReadAsync(name, offset, destination, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) =>
        journal.Index.Find(ObjectName.Check(name))?.Length ?? await inner.GetLengthAsync(name, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        // The journal first: an object that is being drained right now may reach the folder between the two.
        var journaled = await journal.DeleteAsync(ObjectName.Check(name), cancellationToken);
        return await inner.DeleteAsync(name, cancellationToken) || journaled;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var journaled = journal.Index.Names(ObjectName.CheckPrefix(prefix)).ToHashSet();
        foreach (var name in journaled) yield return name;
        await foreach (var name in inner.ListAsync(prefix, cancellationToken))
            if (!journaled.Contains(name)) yield return name;
    }

    /// <inheritdoc/>
    /// <remarks>What lies in the journal is hot; it can be moved once the journal has been drained of it.</remarks>
    public async ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken)
    {
        if (journal.Index.Find(ObjectName.Check(name)) is null) await inner.SetTierAsync(name, tier, cancellationToken);
        else if (tier != ObjectTier.Hot) throw new ObjectBusyException(name);
    }

    /// <inheritdoc/>
    public async ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) =>
        journal.Index.Find(ObjectName.Check(name)) is { } place
            ? new ObjectStatus(place.Length, ObjectTier.Hot, Rehydrating: false)
            : await inner.GetStatusAsync(name, cancellationToken);

    /// <inheritdoc/>
    public bool ReadsArchived => inner.ReadsArchived;

    /// <inheritdoc/>
    public IObjectStore InPlace => inner.InPlace is var place && place == inner ? this : new JournalObjectStore(journal, place);

    /// <summary>On the caller's thread, as the folder's objects are.</summary>
    internal static int Read(JournalPlace place, long offset, Span<byte> destination)
    {
        var wanted = (int)Math.Clamp(place.Length - offset, 0, destination.Length);
        return FolderObjectStore.ReadFully(place.File.Handle, place.Offset + offset, destination[..wanted]) == wanted ? wanted : throw new EndOfStreamException();
    }
}
