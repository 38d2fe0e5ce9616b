using Skylight.Archive.Objects;
using Skylight.Core.Documents;

namespace Skylight.Core.Catalog;

/// <summary>
/// <see cref="ICommit"/> without a journal: the small objects become objects of their own, then the catalog takes the change. A crash in between leaves
/// objects that nothing names; they are found by the sweep of the object store, and never by a reader.
/// </summary>
public sealed class DirectCommit(IObjectStore store, ICatalog catalog) : ICommit
{
    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        await Task.WhenAll(batch.Objects.Select(small => small.StoreAsync(store, cancellationToken).AsTask()));
        try
        {
            await catalog.ApplyAsync(batch.Change, cancellationToken);
            return CommitOutcome.Committed;
        }
        catch (DocumentConflictException)
        {
            // The next attempt stores the pack again, and another index.
            foreach (var small in batch.Objects) await store.DeleteAsync(small.Name, CancellationToken.None);
            return CommitOutcome.Conflict;
        }
    }

    public async Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);
            return CommitOutcome.Committed;
        }
        catch (DocumentConflictException)
        {
            return CommitOutcome.Conflict;
        }
    }

    /// <summary>The store has no log of its own that we could empty.</summary>
    public Task PurgeAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
