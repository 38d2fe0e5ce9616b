using Microsoft.Extensions.Logging;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;

namespace Skylight.Core.Keys;

/// <summary>
/// Destroys keys that have been replaced, once nothing needs them: a study's earlier key when none of its objects is sealed under it, a version of a
/// key-encryption key when no key record names it. Both only a day after their replacement, so that whatever was being written under them is there to be seen.
/// </summary>
public sealed class KeyRetirement(
    InstitutionDirectory institutions, IDocuments documents, IKeyRecordStore records, StudyKeys keys, IKeyEncryptionKeyVersions versions, IObjectStore store, TimeProvider time,
    ILogger<KeyRetirement> logger)
{
    /// <summary>How long a key is kept after it was replaced.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(24);

    /// <summary>How long after an erasure the second place is looked at again.</summary>
    private static readonly TimeSpan Doubt = TimeSpan.FromDays(7);

    /// <summary>Every institution of the host: what one of them refuses keeps the others from nothing. Answers how many keys were destroyed.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var destroyed = 0;
        await foreach (var institution in institutions.CodesAsync(cancellationToken))
        {
            try
            {
                destroyed += await RunAsync(institution, cancellationToken);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                Log.NotRetired(logger, institution, error);
            }
        }

        return destroyed;
    }

    /// <summary>One institution.</summary>
    public async Task<int> RunAsync(string institution, CancellationToken cancellationToken)
    {
        // A crash between the two writes of a record that nobody has needed since leaves the second place behind.
        if (records is ReplicatedKeyRecords both)
        {
            await both.MirrorAsync(institution, cancellationToken);
            await foreach (var erased in ErasedContent.RecordsAsync(documents, institution, cancellationToken))
                if (erased.Level == DeletionLevel.Study && time.GetUtcNow() - erased.At < Doubt) await both.RemoveErasedAsync(institution, erased.StudyKey, erased.Keys, cancellationToken);
        }

        var destroyed = 0;
        var named = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var stored in records.ListAsync(institution, cancellationToken))
        {
            foreach (var key in stored.Record.Keys) named.Add(key.Kek);
            if (stored.Record.Keys is [.., _, var newest] && time.GetUtcNow() - newest.CreatedAt >= Grace) destroyed += await StudyAsync(stored.Record, cancellationToken);
        }

        var list = await versions.ListAsync(keys.KeyEncryptionKeyOf(institution), cancellationToken);
        if (list.Count < 2 || time.GetUtcNow() - list[^1].CreatedAt < Grace) return destroyed;
        foreach (var version in list.Take(list.Count - 1))
        {
            if (named.Contains(version.Id) || !await versions.RetireAsync(version.Id, cancellationToken)) continue;
            Log.KekRetired(logger, version.Id);
            destroyed++;
        }

        return destroyed;
    }

    private async Task<int> StudyAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        var old = record.Keys.Take(record.Keys.Count - 1).Select(key => key.Id).ToHashSet(StringComparer.Ordinal);
        await foreach (var name in store.ListAsync($"{record.Institution}/{record.Subject}/", cancellationToken))
        {
            try
            {
                old.Remove((await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken)).KeyId.ToString());
            }
            catch (ObjectMissingException)
            {
                // Deleted since it was listed.
            }
            catch (Exception error) when (error is SealedObjectException or ObjectArchivedException or ObjectUnreadableException)
            {
                // Nobody can say which key a damaged object needs, or one that is archived: then none is destroyed.
                return 0;
            }
        }

        var destroyed = 0;
        foreach (var id in old)
        {
            if (!KeyId.TryParse(id, out var key) || !await keys.RemoveKeyAsync(record.Institution, record.Subject, key, cancellationToken)) continue;
            Log.KeyRemoved(logger, record.Institution, record.Subject);
            destroyed++;
        }

        return destroyed;
    }
}
