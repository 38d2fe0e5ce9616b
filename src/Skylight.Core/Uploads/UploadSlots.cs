using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>
/// The live sessions of an institution, in one document, so that the quota holds however many requests race. A slot that a crash left
/// behind is found when the list is full: its session is looked up, and the slot is given back unless the session is live.
/// </summary>
internal sealed class UploadSlots(IDocuments documents, TimeProvider time)
{
    private static readonly TimeSpan CreationTime = TimeSpan.FromMinutes(5);

    /// <summary>Takes a slot for the session; false when the institution has no free one. Taking one twice is fine.</summary>
    public async ValueTask<bool> TakeAsync(string institution, string uploadId, int limit, CancellationToken cancellationToken)
    {
        while (true)
        {
            var stored = await documents.GetAsync<Slots>(Key(institution), cancellationToken);
            var items = stored?.Value.Items ?? [];
            if (items.Any(s => s.Id == uploadId)) return true;
            if (items.Count >= limit && (items = await LiveAsync(institution, items, cancellationToken)).Count >= limit) return false;
            if (await TryPutAsync(institution, stored, [.. items, new Slot(uploadId, time.GetUtcNow())], cancellationToken)) return true;
        }
    }

    public async ValueTask ReleaseAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var stored = await documents.GetAsync<Slots>(Key(institution), cancellationToken);
            if (stored is null || stored.Value.Items.All(s => s.Id != uploadId)) return;
            if (await TryPutAsync(institution, stored, [.. stored.Value.Items.Where(s => s.Id != uploadId)], cancellationToken)) return;
        }
    }

    private async ValueTask<IReadOnlyList<Slot>> LiveAsync(string institution, IReadOnlyList<Slot> items, CancellationToken cancellationToken)
    {
        var live = new List<Slot>();
        foreach (var slot in items)
        {
            var session = await documents.GetAsync<UploadSession>(UploadSessions.Key(institution, slot.Id), cancellationToken);
            // No session yet: another request may be between taking the slot and writing the session.
            if (session is null ? time.GetUtcNow() - slot.TakenOn < CreationTime : UploadTransitions.IsLive(session.Value.State)) live.Add(slot);
        }

        return live;
    }

    private async ValueTask<bool> TryPutAsync(string institution, Stored<Slots>? stored, IReadOnlyList<Slot> items, CancellationToken cancellationToken)
    {
        try
        {
            await documents.PutAsync(Key(institution), new Slots(1, items), stored is null ? Match.None : Match.Version(stored.ETag), [], cancellationToken);
            return true;
        }
        catch (DocumentConflictException)
        {
            return false;
        }
    }

    private static DocumentKey Key(string institution) => new(institution, "upload-slots", "live");

    private sealed record Slots(int V, IReadOnlyList<Slot> Items);

    private sealed record Slot(string Id, DateTimeOffset TakenOn);
}
