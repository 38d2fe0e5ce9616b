using Skylight.Archive.Keys;

namespace Skylight.Core.Keys.Backup;

/// <summary>Puts key records back: from their second copies, which are as new as the records were, and from a generation. What the records have is left as it is; a key that was erased is not put back.</summary>
/// <param name="copies">Null where there are generations only.</param>
/// <param name="gone">Institution and id of keys that were erased.</param>
internal sealed class RecordRestore(IKeyRecordStore records, IKeyRecordStore? copies, IReadOnlySet<(string Institution, string Id)> gone)
{
    private readonly HashSet<(string Institution, string Subject)> _copied = [];
    private readonly HashSet<(string Institution, string Subject)> _unreadable = [];

    /// <summary>Records put back.</summary>
    public int Added { get; private set; }

    /// <summary>Records of the generation that have no second copy any more: erased since, and left out.</summary>
    public int Left { get; private set; }

    /// <summary>All second copies of an institution.</summary>
    public async Task CopiesAsync(string institution, CancellationToken cancellationToken)
    {
        if (copies is null) return;
        await foreach (var stored in copies.ListAsync(institution, cancellationToken))
        {
            (stored.Record.Keys.Count > 0 ? _copied : _unreadable).Add((institution, stored.Record.Subject));
            await AddAsync(stored.Record, cancellationToken);
        }
    }

    /// <summary>A record of a generation, after the copies of its institution.</summary>
    /// <param name="isComplete">When the generation was taken every record had its second copy: one that has none now was erased since.</param>
    public async Task AfterCopiesAsync(KeyRecord record, bool isComplete, CancellationToken cancellationToken)
    {
        var subject = (record.Institution, record.Subject);
        if (_copied.Contains(subject)) return;
        if (!isComplete || _unreadable.Contains(subject)) await AddAsync(record, cancellationToken);
        else if (await records.GetAsync(record.Institution, record.Subject, cancellationToken) is null) Left++;
    }

    /// <summary>A record of a generation that is trusted more than the copies, with the keys that its study was given since.</summary>
    public async Task BeforeCopiesAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        var copy = copies is null ? null : await copies.GetAsync(record.Institution, record.Subject, cancellationToken);
        await AddAsync(record with { Keys = [.. record.Keys.UnionBy(copy?.Record.Keys ?? [], key => key.Id).OrderBy(key => key.CreatedAt)] }, cancellationToken);
    }

    private async ValueTask AddAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        var left = record with { Keys = [.. record.Keys.Where(key => !gone.Contains((record.Institution, key.Id)))] };
        if (left.Keys.Count > 0 && await records.TryAddAsync(left, cancellationToken)) Added++;
    }
}
