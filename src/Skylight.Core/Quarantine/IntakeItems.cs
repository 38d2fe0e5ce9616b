using Skylight.Archive.Keys;
using Skylight.Core.Documents;

namespace Skylight.Core.Quarantine;

/// <summary>The items of an institution's intake.</summary>
public sealed class IntakeItems(IDocuments documents, InstitutionSecrets secrets)
{
    /// <summary>The id of the item about <paramref name="what"/>: opaque, and the same each time.</summary>
    public ValueTask<string> IdAsync(string institution, string what, CancellationToken cancellationToken) =>
        secrets.MakeKeyAsync(institution, "intake", what, cancellationToken);

    public ValueTask<Stored<IntakeItem>?> GetAsync(string institution, string id, CancellationToken cancellationToken) =>
        documents.GetAsync<IntakeItem>(Key(institution, id), cancellationToken);

    /// <summary>Makes the item unless it is there; answers the one that is.</summary>
    /// <param name="reopen">New content has come for it: an item that was decided waits for a decision again.</param>
    public async ValueTask<IntakeItem> EnsureAsync(IntakeItem item, bool reopen, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await GetAsync(item.Institution, item.Id, cancellationToken) is not { } known)
                {
                    await documents.PutAsync(Key(item.Institution, item.Id), item, Match.None, Terms(item), cancellationToken);
                    return item;
                }

                if (!reopen || known.Value.Status is IntakeStatus.Open or IntakeStatus.Deciding) return known.Value;
                var open = known.Value with { Status = IntakeStatus.Open };
                await ReplaceAsync(known, open, cancellationToken);
                return open;
            }
            catch (DocumentConflictException)
            {
                // Another upload of the same content was first: look at its item.
            }
        }
    }

    /// <summary>Replaces an item as it was read.</summary>
    /// <exception cref="DocumentConflictException">Someone else decided first.</exception>
    public async ValueTask ReplaceAsync(Stored<IntakeItem> read, IntakeItem next, CancellationToken cancellationToken) =>
        await documents.PutAsync(Key(next.Institution, next.Id), next, Match.Version(read.ETag), Terms(next), cancellationToken);

    /// <summary>One page of items with this status.</summary>
    public ValueTask<DocumentPage<IntakeItem>> ListAsync(string institution, IntakeStatus status, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<IntakeItem>(institution, IntakeItem.Type, $"status:{status}", limit, continuation, cancellationToken);

    /// <summary>One page of all items, decided ones too.</summary>
    public ValueTask<DocumentPage<IntakeItem>> WalkAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<IntakeItem>(institution, IntakeItem.Type, null, limit, continuation, cancellationToken);

    /// <summary>Removes an item for good.</summary>
    internal async ValueTask RemoveAsync(string institution, string id, CancellationToken cancellationToken) => await documents.DeleteAsync(Key(institution, id), Match.Any, cancellationToken);

    private static DocumentKey Key(string institution, string id) => new(institution, IntakeItem.Type, id);

    private static string[] Terms(IntakeItem item) => item.UploadId is null ? [$"status:{item.Status}"] : [$"status:{item.Status}", $"upload:{item.UploadId}"];
}
