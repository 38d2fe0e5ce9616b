using Skylight.Archive.Keys;

namespace Skylight.Core.Keys;

/// <summary>
/// Key records in two places. The first decides; what it takes is in the second too before a call returns. A record that the first has lost is not taken from the
/// second by itself, since it may have been erased: an administrator brings it back from there. An erasure reaches the second first.
/// </summary>
public sealed class ReplicatedKeyRecords(IKeyRecordStore first, IKeyRecordStore second) : IKeyRecordStore
{
    public ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) => first.GetAsync(institution, subject, cancellationToken);

    public async ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        // The loser of a race writes nothing to the second place: the winner's record is there, or on its way.
        if (!await first.TryAddAsync(record, cancellationToken)) return false;
        await MirrorAsync(record, cancellationToken);
        return true;
    }

    public async ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken)
    {
        if (!await first.TryReplaceAsync(record, etag, cancellationToken)) return false;
        await MirrorAsync(record, cancellationToken);
        return true;
    }

    public async ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        var there = await second.DeleteAsync(institution, subject, cancellationToken);
        return await first.DeleteAsync(institution, subject, cancellationToken) || there;
    }

    public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        first.ListAsync(institution, limit, continuation, cancellationToken);

    /// <summary>Brings the second place up to the first for one institution: after it was added, or after a crash between the two writes. Answers the records that differed.</summary>
    public async Task<int> MirrorAsync(string institution, CancellationToken cancellationToken)
    {
        var changed = 0;
        await foreach (var stored in ((IKeyRecordStore)first).ListAsync(institution, cancellationToken))
            if (await MirrorAsync(stored.Record, cancellationToken)) changed++;
        return changed;
    }

    private async ValueTask<bool> MirrorAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await second.GetAsync(record.Institution, record.Subject, cancellationToken) is not { } known)
            {
                if (await second.TryAddAsync(record, cancellationToken)) return true;
            }
            else
            {
                if (Same(known.Record, record)) return false;
                if (await second.TryReplaceAsync(record, known.ETag, cancellationToken)) return true;
            }

            // Another change of the same record went through in between: what counts is what the first place holds by now.
            if (await first.GetAsync(record.Institution, record.Subject, cancellationToken) is not { } current) return false;
            record = current.Record;
        }
    }

    private static bool Same(KeyRecord a, KeyRecord b) =>
        a.Keys.Count == b.Keys.Count && a.Keys.Zip(b.Keys).All(pair => pair.First.Id == pair.Second.Id && pair.First.Kek == pair.Second.Kek && pair.First.Wrapped.AsSpan().SequenceEqual(pair.Second.Wrapped));
}
