using Skylight.Archive.Keys;
using Skylight.Local.Objects;

namespace Skylight.Local.Keys;

/// <summary>
/// Key records in a database that must still be where it was opened. A folder that is deleted, or whose medium is taken away, under a running host leaves an open file that takes everything and keeps
/// nothing: from then on every call fails, until the host is started again with the folder in its place.
/// </summary>
internal sealed class PlacedKeyRecords(IKeyRecordStore records, string path) : IKeyRecordStore
{
    private readonly FileIdentity _opened = LibC.IdentityOf(path) ?? throw new IOException("The second place of key records is gone.");

    /// <summary>Whether the path still leads to the file that was opened.</summary>
    public bool IsThere => LibC.IdentityOf(path) == _opened;

    public async ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        Demand();
        return await records.GetAsync(institution, subject, cancellationToken);
    }

    public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken) => WriteAsync(() => records.TryAddAsync(record, cancellationToken));

    public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) => WriteAsync(() => records.TryReplaceAsync(record, etag, cancellationToken));

    public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) => WriteAsync(() => records.DeleteAsync(institution, subject, cancellationToken));

    public async ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken)
    {
        Demand();
        return await records.ListAsync(institution, limit, continuation, cancellationToken);
    }

    private async ValueTask<bool> WriteAsync(Func<ValueTask<bool>> write)
    {
        Demand();
        var done = await write();
        Demand();
        return done;
    }

    private void Demand()
    {
        if (!IsThere) throw new IOException("The second place of key records is gone: its file is not where it was opened.");
    }
}
