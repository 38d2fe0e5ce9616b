using Skylight.Archive.Keys;

namespace Skylight.Core.Keys;

/// <summary>
/// Key records in two places. The first decides; what it takes is in the second too before a call returns, and a record that was read is in both before something new is sealed under its keys
/// (<see cref="ConfirmAsync"/>). Where the second does not answer, nothing new is sealed under keys that it lacks; what is sealed stays readable. A record that the first has lost is not taken from
/// the second by itself: an administrator brings it back from there. An erasure reaches the second first.
/// </summary>
public sealed class ReplicatedKeyRecords(IKeyRecordStore first, IKeyRecordStore second) : IKeyRecordStore
{
    /// <summary>Key under which the second place is registered.</summary>
    public const string Service = "key-replica";

    public ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) => first.GetAsync(institution, subject, cancellationToken);

    /// <exception cref="KeyUnavailableException">The first has it, the second does not (<see cref="KeyFault.NotReplicated"/>).</exception>
    public async ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        // The loser of a race writes nothing to the second place: the winner's record is there, or on its way.
        if (!await first.TryAddAsync(record, cancellationToken)) return false;
        await MirrorAsync(record, isNew: true, cancellationToken);
        return true;
    }

    /// <exception cref="KeyUnavailableException">The first has it, the second does not (<see cref="KeyFault.NotReplicated"/>).</exception>
    public async ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken)
    {
        if (!await first.TryReplaceAsync(record, etag, cancellationToken)) return false;
        await MirrorAsync(record, isNew: false, cancellationToken);
        return true;
    }

    public async ValueTask ConfirmAsync(KeyRecord record, CancellationToken cancellationToken) => await MirrorAsync(record, isNew: false, cancellationToken);

    public async ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        var there = await second.DeleteAsync(institution, subject, cancellationToken);
        there |= await first.DeleteAsync(institution, subject, cancellationToken);

        // Whoever had read it in the first place before may have put it into the second again; from now on nobody finds it there.
        return await second.DeleteAsync(institution, subject, cancellationToken) || there;
    }

    public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        first.ListAsync(institution, limit, continuation, cancellationToken);

    /// <summary>Brings the second place up to the first for one institution: after it was added, or after a crash between the two writes. Answers the records that differed.</summary>
    public async Task<int> MirrorAsync(string institution, CancellationToken cancellationToken)
    {
        var there = new HashSet<UInt128>();
        await foreach (var digest in second.ListDigestsAsync(institution, cancellationToken)) there.Add(digest);
        var changed = 0;
        await foreach (var stored in first.ListAsync(institution, cancellationToken))
            if (!there.Contains(stored.Record.Digest()) && await MirrorAsync(stored.Record, isNew: false, cancellationToken)) changed++;
        return changed;
    }

    /// <summary>
    /// Deletes in the second place what an erasure destroyed and the first does not have: whoever had read the record before may have copied it after that, and been stopped before it looked again.
    /// </summary>
    /// <param name="keys">Ids of the destroyed keys.</param>
    public async Task<bool> RemoveErasedAsync(string institution, string subject, IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        await second.GetAsync(institution, subject, cancellationToken) is { } copy && copy.Record.Keys.Any(key => keys.Contains(key.Id))
        && await first.GetAsync(institution, subject, cancellationToken) is null && await second.DeleteAsync(institution, subject, cancellationToken);

    /// <summary>True when something was written.</summary>
    private async ValueTask<bool> MirrorAsync(KeyRecord record, bool isNew, CancellationToken cancellationToken)
    {
        for (var wrote = false; ; isNew = false)
        {
            var known = isNew ? null : await SecondAsync(record, () => second.GetAsync(record.Institution, record.Subject, cancellationToken), cancellationToken);
            if (known is not null && known.Record.Digest() == record.Digest()) return wrote;
            var taken = await SecondAsync(
                record, () => known is null ? second.TryAddAsync(record, cancellationToken) : second.TryReplaceAsync(record, known.ETag, cancellationToken), cancellationToken);
            wrote |= taken;

            // What counts is what the first place holds by now: another change of it may have gone to the second before this one, or an erasure.
            var current = await first.GetAsync(record.Institution, record.Subject, cancellationToken);
            if (current is null)
            {
                await SecondAsync(record, () => second.DeleteAsync(record.Institution, record.Subject, cancellationToken), cancellationToken);
                if ((current = await first.GetAsync(record.Institution, record.Subject, cancellationToken)) is null) return wrote;
            }
            else if (taken && current.Record.Digest() == record.Digest())
            {
                return true;
            }

            record = current.Record;
        }
    }

    private static async ValueTask<T> SecondAsync<T>(KeyRecord record, Func<ValueTask<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new KeyUnavailableException(KeyFault.NotReplicated, $"a key record of {record.Institution}", error);
        }
    }
}
