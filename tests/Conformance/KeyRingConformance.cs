using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every resolver of key-encryption keys must do for the archive.</summary>
public abstract class KeyRingConformance
{
    protected abstract IKeyEncryptionKeyResolver Ring { get; }

    /// <summary>Id of the newest version of a key that exists or is made on first use.</summary>
    protected abstract string KeyId { get; }

    /// <summary>Id of a key that does not exist and is not made.</summary>
    protected abstract string MissingKeyId { get; }

    protected abstract string Algorithm { get; }

    /// <summary>Makes a new version of the key of <see cref="KeyId"/>.</summary>
    protected abstract Task RotateAsync();

    [Fact]
    public async Task WrapThenUnwrap_ReturnsTheKey()
    {
        var key = RandomNumberGenerator.GetBytes(DataKey.Size);
        var kek = await Ring.ResolveAsync(KeyId, default);
        var wrapped = await kek.WrapKeyAsync(Algorithm, key, default);
        Assert.Equal(-1, wrapped.AsSpan().IndexOf(key));
        Assert.Equal(key, await (await Ring.ResolveAsync(kek.KeyId, default)).UnwrapKeyAsync(Algorithm, wrapped, default));
    }

    [Fact]
    public async Task Unwrap_Altered_IsRefused()
    {
        var kek = await Ring.ResolveAsync(KeyId, default);
        var wrapped = await kek.WrapKeyAsync(Algorithm, RandomNumberGenerator.GetBytes(DataKey.Size), default);
        for (var bit = 0; bit < wrapped.Length * 8; bit += 7)
        {
            wrapped[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(KeyFault.UnwrapFailed, await FaultAsync(kek, wrapped));
            wrapped[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public async Task Rotate_OldVersionsStillUnwrap_AndNewWrapsUseTheNewOne()
    {
        var key = RandomNumberGenerator.GetBytes(DataKey.Size);
        var old = await Ring.ResolveAsync(KeyId, default);
        var wrapped = await old.WrapKeyAsync(Algorithm, key, default);
        await RotateAsync();
        var next = await Ring.ResolveAsync(KeyId, default);
        Assert.NotEqual(old.KeyId, next.KeyId);
        Assert.Equal(key, await (await Ring.ResolveAsync(old.KeyId, default)).UnwrapKeyAsync(Algorithm, wrapped, default));
        Assert.Equal(KeyFault.UnwrapFailed, await FaultAsync(next, wrapped));
    }

    [Fact]
    public async Task Resolve_Missing_IsNamed()
    {
        using var keys = Keys(new MemoryKeyRecords(), MissingKeyId);
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetOrCreateAsync("hospital-a", "study", default));
        Assert.Equal(KeyFault.NoKeyEncryptionKey, error.Fault);
        Assert.Contains(MissingKeyId, error.Message, StringComparison.Ordinal);
    }

    private StudyKeys Keys(MemoryKeyRecords records, string template) => new(records, Ring, new KeyEncryptionOptions { KeyTemplate = template, Algorithm = Algorithm }, TimeProvider.System);

    /// <summary>What the archive says of a key record with these wrapped bytes.</summary>
    private async Task<KeyFault> FaultAsync(IKeyEncryptionKey kek, byte[] wrapped)
    {
        var (records, id) = (new MemoryKeyRecords(), new Archive.Keys.KeyId(new byte[Archive.Keys.KeyId.Size]));
        await records.TryAddAsync(new KeyRecord(KeyRecord.Version, "hospital-a", "study", [new WrappedKey(id.ToString(), Algorithm, kek.KeyId, wrapped, DateTimeOffset.UnixEpoch)]), default);
        using var keys = Keys(records, KeyId);
        return (await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetAsync("hospital-a", "study", id, default))).Fault;
    }
}
