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
            await Assert.ThrowsAnyAsync<Exception>(() => kek.UnwrapKeyAsync(Algorithm, wrapped, default));
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
        await Assert.ThrowsAnyAsync<Exception>(() => next.UnwrapKeyAsync(Algorithm, wrapped, default));
    }

    [Fact]
    public async Task Resolve_Missing_IsRefused() => await Assert.ThrowsAnyAsync<Exception>(() => Ring.ResolveAsync(MissingKeyId, default));
}
