using Azure.Core.Cryptography;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Keys;

/// <summary>
/// One random key a study, wrapped by the institution's key-encryption key in a key record. Every key handed out is a copy that its holder disposes.
/// </summary>
public sealed class StudyKeys : IReadKeys, IDisposable
{
    private readonly IKeyRecordStore _records;
    private readonly KeyEncryption _encryption;
    private readonly KeyCache _cache;
    private readonly TimeProvider _time;
    private readonly InFlight<(string Institution, string StudyKey)> _making = new();

    public StudyKeys(IKeyRecordStore records, IKeyEncryptionKeyResolver resolver, KeyEncryptionOptions options, TimeProvider time)
    {
        _records = records;
        _encryption = new KeyEncryption(resolver, options);
        _cache = new KeyCache(options.CachedKeys, TimeSpan.FromSeconds(options.CacheSeconds), time);
        _time = time;
    }

    /// <summary>The cipher that an institution has chosen for new objects; asked for each key that is handed out for them. Null: AES-256-GCM for all.</summary>
    public Func<string, CancellationToken, ValueTask<SealAlgorithm>>? Ciphers { get; init; }

    /// <summary>The key for new objects of a study. On the study's first call the key is made, and its record is durable before the task completes.</summary>
    /// <exception cref="KeyUnavailableException">The record is there but cannot be unwrapped, or there is no key-encryption key.</exception>
    public async ValueTask<DataKey> GetOrCreateAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var cipher = Ciphers is null ? SealAlgorithm.Aes256Gcm : await Ciphers(institution, cancellationToken);
        var key = _cache.GetCurrent(institution, studyKey) ?? await LoadOrCreateAsync(institution, studyKey, cancellationToken);
        key.Cipher = cipher;
        return key;
    }

    /// <summary>The key for new objects of a study that is there: upkeep must not give one to a study that has just been erased.</summary>
    /// <exception cref="KeyUnavailableException">It has none, or it cannot be unwrapped.</exception>
    public async ValueTask<DataKey> GetCurrentAsync(string institution, string studyKey, CancellationToken cancellationToken) => await ExistsAsync(institution, studyKey, cancellationToken)
        ? await GetOrCreateAsync(institution, studyKey, cancellationToken)
        : throw new KeyUnavailableException(KeyFault.NoRecord, $"study key record of {institution}");

    /// <summary>A named key of a study, for reading.</summary>
    /// <exception cref="KeyUnavailableException">There is no such key any more, or it cannot be unwrapped.</exception>
    public ValueTask<DataKey> GetAsync(string institution, string studyKey, KeyId id, CancellationToken cancellationToken) =>
        _cache.Get(institution, studyKey, id) is { } cached ? ValueTask.FromResult(cached) : LoadAsync(institution, studyKey, id, cancellationToken);

    /// <inheritdoc/>
    async ValueTask<ObjectKey> IReadKeys.GetAsync(string name, SealedHeader header, CancellationToken cancellationToken)
    {
        var (institution, studyKey) = ObjectName.Owner(name);
        using var key = await GetAsync(institution, studyKey, header.KeyId, cancellationToken);
        return key.DeriveObjectKey(header);
    }

    /// <summary>Ids of the study's keys as the record has them now, past any cache; empty when it has none.</summary>
    public async ValueTask<IReadOnlyList<string>> IdsAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        await _records.GetAsync(institution, studyKey, cancellationToken) is { } stored ? [.. stored.Record.Keys.Select(key => key.Id)] : [];

    /// <summary>Destroys the study's keys: nothing sealed under them can be read again. False when there were none. Copies handed out live on until disposed.</summary>
    public async ValueTask<bool> DestroyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var deleted = await _records.DeleteAsync(institution, studyKey, cancellationToken);
        _cache.Forget(institution, studyKey);
        return deleted;
    }

    /// <summary>
    /// Wraps one record's keys anew under the institution's current key-encryption key. Touches no object. Safe to repeat and to interrupt;
    /// answers how many keys changed hands (0 when all were current).
    /// </summary>
    public async ValueTask<int> RewrapAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        while (await _records.GetAsync(institution, subject, cancellationToken) is { } stored)
        {
            var keys = new List<WrappedKey>(stored.Record.Keys.Count);
            var changed = 0;
            foreach (var wrapped in stored.Record.Keys)
            {
                if (await _encryption.IsCurrentAsync(institution, wrapped, cancellationToken))
                {
                    keys.Add(wrapped);
                    continue;
                }

                using var key = await _encryption.UnwrapAsync(wrapped, cancellationToken);
                keys.Add(await _encryption.WrapAsync(institution, key, wrapped.CreatedAt, cancellationToken));
                changed++;
            }

            // Whoever wrapped it before may have been stopped before the record was in every place.
            if (changed == 0) await _records.ConfirmAsync(stored.Record, cancellationToken);
            if (changed == 0 || await _records.TryReplaceAsync(stored.Record with { Keys = keys }, stored.ETag, cancellationToken)) return changed;
        }

        return 0;
    }

    /// <summary>Whether a study has a key record.</summary>
    public async ValueTask<bool> ExistsAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        await _records.GetAsync(institution, studyKey, cancellationToken) is not null;

    /// <summary>The id of an institution's key-encryption key, without a version, as its resolver spells it.</summary>
    public string KeyEncryptionKeyOf(string institution) => _encryption.IdOf(institution);

    /// <summary>
    /// Gives a study a new key for new objects; the earlier ones still open what was sealed under them. Does nothing when the present key was made at
    /// <paramref name="unlessSince"/> or later, so that a repeated call adds one key. Answers the key for new objects; null when there is no record.
    /// </summary>
    public async ValueTask<KeyId?> AddKeyAsync(string institution, string studyKey, DateTimeOffset unlessSince, CancellationToken cancellationToken)
    {
        while (await _records.GetAsync(institution, studyKey, cancellationToken) is { } stored)
        {
            var last = Checked(stored).Keys[^1];
            if (last.CreatedAt >= unlessSince) return KeyId.TryParse(last.Id, out var present) ? present : throw new KeyUnavailableException(KeyFault.BadRecord, "a key id");
            using var fresh = DataKey.Create();
            var wrapped = await _encryption.WrapAsync(institution, fresh, _time.GetUtcNow(), cancellationToken);
            if (!await _records.TryReplaceAsync(stored.Record with { Keys = [.. stored.Record.Keys, wrapped] }, stored.ETag, cancellationToken)) continue;
            _cache.Forget(institution, studyKey);
            return fresh.Id;
        }

        return null;
    }

    /// <summary>
    /// Destroys an earlier key of a study: what is still sealed under it cannot be read again. The caller has made sure that nothing is. Never the key for
    /// new objects. False when the record has no such key.
    /// </summary>
    public async ValueTask<bool> RemoveKeyAsync(string institution, string studyKey, KeyId id, CancellationToken cancellationToken)
    {
        while (await _records.GetAsync(institution, studyKey, cancellationToken) is { } stored)
        {
            var keys = Checked(stored).Keys;
            if (keys[^1].Id == id.ToString()) throw new InvalidOperationException("The key for new objects cannot be removed.");
            var left = keys.Where(key => key.Id != id.ToString()).ToArray();
            if (left.Length == keys.Count) return false;
            if (!await _records.TryReplaceAsync(stored.Record with { Keys = left }, stored.ETag, cancellationToken)) continue;
            _cache.Forget(institution, studyKey);
            return true;
        }

        return false;
    }

    public void Dispose() => _cache.Dispose();

    /// <summary>Senders of a new study all want its key at once: one of them makes it.</summary>
    private async ValueTask<DataKey> LoadOrCreateAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        while (_making.Enter((institution, studyKey)) is { } other)
        {
            await other.WaitAsync(cancellationToken);
            if (_cache.GetCurrent(institution, studyKey) is { } made) return made;
        }

        try
        {
            return await MakeAsync(institution, studyKey, cancellationToken);
        }
        finally
        {
            _making.Leave((institution, studyKey));
        }
    }

    private async ValueTask<DataKey> MakeAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var stored = await _records.GetAsync(institution, studyKey, cancellationToken);
        if (stored is null)
        {
            using var fresh = DataKey.Create();
            var wrapped = await _encryption.WrapAsync(institution, fresh, _time.GetUtcNow(), cancellationToken);
            if (await _records.TryAddAsync(new KeyRecord(KeyRecord.Version, institution, studyKey, [wrapped]), cancellationToken))
            {
                _cache.Put(institution, studyKey, fresh, current: true);
                return fresh.Copy();
            }

            // Another creator was first: its key is the study's key, and ours was never used.
            stored = await _records.GetAsync(institution, studyKey, cancellationToken) ?? throw new KeyUnavailableException(KeyFault.NoRecord, $"study key record of {institution}");
        }

        await _records.ConfirmAsync(Checked(stored), cancellationToken);
        var last = stored.Record.Keys[^1];
        var key = (KeyId.TryParse(last.Id, out var id) ? _cache.Get(institution, studyKey, id) : null) ?? await _encryption.UnwrapAsync(last, cancellationToken);
        _cache.Put(institution, studyKey, key, current: true);
        return key;
    }

    private async ValueTask<DataKey> LoadAsync(string institution, string studyKey, KeyId id, CancellationToken cancellationToken)
    {
        var stored = await _records.GetAsync(institution, studyKey, cancellationToken) ?? throw Missing();
        var name = id.ToString();
        var keys = Checked(stored).Keys;
        for (var i = keys.Count - 1; i >= 0; i--)
        {
            if (keys[i].Id != name) continue;
            var key = await _encryption.UnwrapAsync(keys[i], cancellationToken);

            // Not for new objects yet: that asks whether the record is in every place.
            _cache.Put(institution, studyKey, key, current: false);
            return key;
        }

        throw Missing();

        KeyUnavailableException Missing() => new(KeyFault.NoRecord, $"key {id}") { Owner = (institution, studyKey), KeyId = id.ToString() };
    }

    private static KeyRecord Checked(StoredKeyRecord stored) => stored.Record is { V: KeyRecord.Version, Keys.Count: > 0 }
        ? stored.Record
        : throw new KeyUnavailableException(KeyFault.BadRecord, $"a key record of {stored.Record.Institution}, version {stored.Record.V}");
}
