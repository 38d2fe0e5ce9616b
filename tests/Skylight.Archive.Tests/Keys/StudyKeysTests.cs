using System.Collections.Concurrent;
using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Keys;

public sealed class StudyKeysTests
{
    private const string Study = "abcdefghijklmnopqrstuvwxyz234567";

    private readonly Records _records = new();
    private readonly Ring _ring = new();
    private readonly ManualTime _time = new();

    [Fact]
    public async Task GetOrCreate_ManyRacingCreators_EndWithOneKey()
    {
        var hosts = Enumerable.Range(0, 8).Select(_ => Keys()).ToArray();
        var ids = new ConcurrentBag<KeyId>();
        await Parallel.ForEachAsync(hosts, async (keys, token) =>
        {
            using var key = await keys.GetOrCreateAsync("hospital-a", Study, token);
            ids.Add(key.Id);
        });
        Assert.Single(ids.Distinct());
        Assert.Single(_records.All);
    }

    [Fact]
    public async Task GetOrCreate_SendersWithinAHost_MakeOneKeyWithoutFailingAgainstEachOther()
    {
        using var keys = Keys();
        var held = new TaskCompletionSource();
        _records.Hold = held.Task;
        var senders = Enumerable.Range(0, 8).Select(_ => keys.GetOrCreateAsync("hospital-a", Study, default).AsTask()).ToArray();
        held.SetResult();
        var made = await Task.WhenAll(senders);
        Assert.Single(made.Select(key => key.Id).Distinct());
        Assert.Equal(1, _records.Adds);
        foreach (var key in made) key.Dispose();
    }

    [Fact]
    public async Task GetOrCreate_MakerFails_AnotherSenderMakesTheKey()
    {
        using var keys = Keys();
        var held = new TaskCompletionSource();
        _records.Hold = held.Task;
        var first = keys.GetOrCreateAsync("hospital-a", Study, default).AsTask();
        var second = keys.GetOrCreateAsync("hospital-a", Study, default).AsTask();
        _records.FailNextAdd = true;
        held.SetResult();
        await Assert.ThrowsAsync<IOException>(async () => await first);
        using var key = await second;
        Assert.Equal(_records.All.Values.Single().Record.Keys.Single().Id, key.Id.ToString());
    }

    [Fact]
    public async Task GetOrCreate_AnotherStudyOrInstitution_HasAnotherKey()
    {
        using var keys = Keys();
        using var one = await keys.GetOrCreateAsync("hospital-a", Study, default);
        using var two = await keys.GetOrCreateAsync("hospital-b", Study, default);
        using var three = await keys.GetOrCreateAsync("hospital-a", "study-2", default);
        Assert.Equal(3, new[] { one.Id, two.Id, three.Id }.Distinct().Count());
    }

    [Fact]
    public async Task Get_AfterARestart_OpensWhatWasSealedBefore()
    {
        var store = new MemoryObjectStore();
        var (reference, _) = await SealAsync(store);
        using var restarted = Keys();
        Assert.Equal(Make.Bytes(100), await SealedObjectReader.ReadAllAsync(store, reference, SealedType.Index, restarted, default));
    }

    [Fact]
    public async Task Get_Erased_CannotBeReadAgain()
    {
        var store = new MemoryObjectStore();
        using var keys = Keys();
        var (reference, _) = await SealAsync(store, keys);
        Assert.True(await keys.DestroyAsync("hospital-a", Study, default));
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(async () => await SealedObjectReader.ReadAllAsync(store, reference, SealedType.Index, keys, default));
        Assert.Equal(KeyFault.NoRecord, error.Fault);
    }

    [Fact]
    public async Task Get_ErasedElsewhere_IsForgottenHereAfterTheCacheTime()
    {
        using var here = Keys();
        using var key = await here.GetOrCreateAsync("hospital-a", Study, default);
        await _records.DeleteAsync("hospital-a", Study, default);
        (await here.GetAsync("hospital-a", Study, key.Id, default)).Dispose();
        _time.Advance(TimeSpan.FromSeconds(601));
        await Assert.ThrowsAsync<KeyUnavailableException>(async () => await here.GetAsync("hospital-a", Study, key.Id, default));
    }

    [Fact]
    public async Task Get_KeyEncryptionKeyGoneOrReplaced_SaysWhich()
    {
        using (var keys = Keys()) (await keys.GetOrCreateAsync("hospital-a", Study, default)).Dispose();
        var kept = _ring.Keys["local:hospital-a/1"];
        _ring.Keys["local:hospital-a/1"] = RandomNumberGenerator.GetBytes(32);
        Assert.Equal(KeyFault.UnwrapFailed, await FaultAsync());
        _ring.Keys.Clear();
        _ring.Create = false;
        Assert.Equal(KeyFault.NoKeyEncryptionKey, await FaultAsync());
        _ring.Keys["local:hospital-a/1"] = kept;
        Assert.Null(await FaultAsync());
    }

    [Fact]
    public async Task Get_RecordOfAnotherStudyPutInPlace_IsNoticed()
    {
        using (var keys = Keys())
        {
            (await keys.GetOrCreateAsync("hospital-a", Study, default)).Dispose();
            (await keys.GetOrCreateAsync("hospital-a", "study-2", default)).Dispose();
        }

        var mine = _records.All[("hospital-a", Study)].Record;
        var other = _records.All[("hospital-a", "study-2")].Record;
        _records.All[("hospital-a", Study)] = new StoredKeyRecord(mine with { Keys = [mine.Keys[0] with { Wrapped = other.Keys[0].Wrapped }] }, "x");
        Assert.Equal(KeyFault.WrongKey, await FaultAsync());
        _records.All[("hospital-a", Study)] = new StoredKeyRecord(mine with { V = 9 }, "x");
        Assert.Equal(KeyFault.BadRecord, await FaultAsync());
    }

    [Fact]
    public async Task Rewrap_NewKeyEncryptionKey_KeepsTheDataKeyAndIsRepeatable()
    {
        using var keys = Keys();
        using var before = await keys.GetOrCreateAsync("hospital-a", Study, default);
        _ring.Version = 2;
        Assert.Equal(1, await keys.RewrapAsync("hospital-a", Study, default));
        Assert.Equal(0, await keys.RewrapAsync("hospital-a", Study, default));
        _ring.Keys.Remove("local:hospital-a/1", out _);
        using var restarted = Keys();
        using var after = await restarted.GetAsync("hospital-a", Study, before.Id, default);
        Assert.Equal(before.Id, after.Id);
    }

    [Fact]
    public async Task Cache_Full_DropsTheOldestAndHandsOutCopies()
    {
        using var keys = new StudyKeys(_records, _ring, new KeyEncryptionOptions { CachedKeys = 16 }, _time);
        using var first = await keys.GetOrCreateAsync("hospital-a", "study-0", default);
        for (var i = 1; i <= 40; i++) (await keys.GetOrCreateAsync("hospital-a", $"study-{i}", default)).Dispose();
        var unwrapped = _ring.Unwrapped;
        (await keys.GetOrCreateAsync("hospital-a", "study-40", default)).Dispose();
        Assert.Equal(unwrapped, _ring.Unwrapped);
        (await keys.GetOrCreateAsync("hospital-a", "study-0", default)).Dispose();
        Assert.Equal(unwrapped + 1, _ring.Unwrapped);

        // A copy outlives the cache's own.
        using var derived = first.DeriveObjectKey(Make.Small().NewHeader(SealedType.Pack, first));
        Assert.Contains(derived.Bytes.ToArray(), value => value != 0);
    }

    [Fact]
    public void Dispose_DataKey_ZeroesAndRefuses()
    {
        var key = DataKey.Create();
        var id = key.Id.ToString();
        Assert.Equal($"key {id}", key.ToString());
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.DeriveObjectKey(Make.Small().NewHeader(SealedType.Pack, key)));
        Assert.Throws<ObjectDisposedException>(() => key.Export());
    }

    [Fact]
    public async Task Secrets_SamePurpose_IsStableAndOthersDiffer()
    {
        using var secrets = new InstitutionSecrets(_records, _ring, new KeyEncryptionOptions(), _time);
        var first = await secrets.GetAsync("hospital-a", "token", default);
        first[0] ^= 1;
        using var restarted = new InstitutionSecrets(_records, _ring, new KeyEncryptionOptions(), _time);
        var again = await restarted.GetAsync("hospital-a", "token", default);
        Assert.Equal(await secrets.GetAsync("hospital-a", "token", default), again);
        Assert.NotEqual(again, await secrets.GetAsync("hospital-a", "audit-mac", default));
        Assert.NotEqual(again, await secrets.GetAsync("hospital-b", "token", default));
        var key = await secrets.MakeKeyAsync("hospital-a", "study-key", "1.2.3", default);
        Assert.Equal(32, key.Length);
        Assert.Equal(key, await restarted.MakeKeyAsync("hospital-a", "study-key", "1.2.3", default));
        Assert.NotEqual(key, await secrets.MakeKeyAsync("hospital-b", "study-key", "1.2.3", default));
    }

    private StudyKeys Keys() => new(_records, _ring, new KeyEncryptionOptions(), _time);

    private async Task<(SealedReference Reference, KeyId Id)> SealAsync(MemoryObjectStore store, StudyKeys? keys = null)
    {
        using var own = keys is null ? Keys() : null;
        using var key = await (keys ?? own!).GetOrCreateAsync("hospital-a", Study, default);
        var (reference, small) = SealedObjectWriter.Seal($"hospital-a/{Study}", key, SealedType.Index, SealOptions.Default, Make.Bytes(100));
        using (small) await small.StoreAsync(store, default);
        return (reference, key.Id);
    }

    private async Task<KeyFault?> FaultAsync()
    {
        using var keys = Keys();
        try
        {
            (await keys.GetOrCreateAsync("hospital-a", Study, default)).Dispose();
            return null;
        }
        catch (KeyUnavailableException error)
        {
            return error.Fault;
        }
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan by) => _now += by.Ticks;
    }

    private sealed class Records : IKeyRecordStore
    {
        private int _etag;

        private int _adds;

        public ConcurrentDictionary<(string, string), StoredKeyRecord> All { get; } = new();

        /// <summary>Reads wait for this.</summary>
        public Task Hold { get; set; } = Task.CompletedTask;

        public bool FailNextAdd { get; set; }

        public int Adds => _adds;

        public async ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken)
        {
            await Task.Yield();
            await Hold;
            return All.GetValueOrDefault((institution, subject));
        }

        public async ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken)
        {
            await Task.Yield();
            Interlocked.Increment(ref _adds);
            if (FailNextAdd)
            {
                FailNextAdd = false;
                throw new IOException("The disk is gone.");
            }

            return All.TryAdd((record.Institution, record.Subject), new StoredKeyRecord(record, $"{Interlocked.Increment(ref _etag)}"));
        }

        public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) => ValueTask.FromResult(
            All.TryGetValue((record.Institution, record.Subject), out var stored) && stored.ETag == etag
            && All.TryUpdate((record.Institution, record.Subject), new StoredKeyRecord(record, $"{Interlocked.Increment(ref _etag)}"), stored));

        public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) => ValueTask.FromResult(All.TryRemove((institution, subject), out _));

        public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
            ValueTask.FromResult(new KeyRecordPage([.. All.Values.Where(stored => stored.Record.Institution == institution)], null));
    }

    /// <summary>Key-encryption keys that are AES-GCM keys; an id without a version stands for the newest one.</summary>
    private sealed class Ring : IKeyEncryptionKeyResolver
    {
        public ConcurrentDictionary<string, byte[]> Keys { get; } = new();

        public bool Create { get; set; } = true;

        public int Version { get; set; } = 1;

        public int Unwrapped { get; private set; }

        public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default)
        {
            var id = keyId.Contains('/', StringComparison.Ordinal) ? keyId : $"{keyId}/{Version}";
            var key = Create ? Keys.GetOrAdd(id, _ => RandomNumberGenerator.GetBytes(32)) : Keys.GetValueOrDefault(id);
            return new Kek(this, id, key ?? throw new KeyNotFoundException(id));
        }

        public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

        private sealed class Kek(Ring ring, string id, byte[] key) : IKeyEncryptionKey
        {
            public string KeyId => id;

            public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> keyToWrap, CancellationToken cancellationToken = default)
            {
                using var gcm = new AesGcm(key, 16);
                var nonce = RandomNumberGenerator.GetBytes(12);
                var (cipherText, tag) = (new byte[keyToWrap.Length], new byte[16]);
                gcm.Encrypt(nonce, keyToWrap.Span, cipherText, tag);
                return [.. nonce, .. cipherText, .. tag];
            }

            public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> keyToWrap, CancellationToken cancellationToken = default) =>
                Task.FromResult(WrapKey(algorithm, keyToWrap, cancellationToken));

            public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
            {
                using var gcm = new AesGcm(key, 16);
                var plain = new byte[encryptedKey.Length - 28];
                gcm.Decrypt(encryptedKey.Span[..12], encryptedKey.Span[12..^16], encryptedKey.Span[^16..], plain);
                ring.Unwrapped++;
                return plain;
            }

            public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
                Task.FromResult(UnwrapKey(algorithm, encryptedKey, cancellationToken));
        }
    }
}
