using Skylight.Archive.Keys;
using Skylight.Core.Documents;

namespace Skylight.Core.Keys;

/// <summary>Key records as documents of type <c>key</c>: partition is the institution, id the subject. One implementation for both kinds of store.</summary>
public sealed class DocumentKeyRecords(IDocuments documents) : IKeyRecordStore
{
    private const string Type = "key";

    public async ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) =>
        await documents.GetAsync<KeyRecord>(new DocumentKey(institution, Type, subject), cancellationToken) is { } stored ? new StoredKeyRecord(stored.Value, stored.ETag) : null;

    public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken) => TryPutAsync(record, Match.None, cancellationToken);

    public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) => TryPutAsync(record, Match.Version(etag), cancellationToken);

    public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) =>
        documents.DeleteAsync(new DocumentKey(institution, Type, subject), Match.Any, cancellationToken);

    public async ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var page = await documents.ListAsync<KeyRecord>(institution, Type, term: null, limit, continuation, cancellationToken);
        return new KeyRecordPage([.. page.Items.Select(stored => new StoredKeyRecord(stored.Value, stored.ETag))], page.Continuation);
    }

    private async ValueTask<bool> TryPutAsync(KeyRecord record, Match match, CancellationToken cancellationToken)
    {
        try
        {
            await documents.PutAsync(new DocumentKey(record.Institution, Type, record.Subject), record, match, [], cancellationToken);
            return true;
        }
        catch (DocumentConflictException)
        {
            return false;
        }
    }
}
