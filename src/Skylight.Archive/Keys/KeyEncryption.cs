using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Azure;
using Azure.Core.Cryptography;

namespace Skylight.Archive.Keys;

/// <summary>How data keys are wrapped, section <c>Skylight:KeyEncryption</c>.</summary>
public sealed record KeyEncryptionOptions
{
    public const string Section = "Skylight:KeyEncryption";

    /// <summary>
    /// The id of an institution's key-encryption key, with <c>{institution}</c> where its code goes: <c>local:{institution}</c> for the key ring,
    /// <c>https://VAULT.vault.azure.net/keys/skylight-{institution}</c> for Key Vault. Default: the key ring.
    /// </summary>
    [Required]
    public string KeyTemplate { get; init; } = "local:{institution}";

    /// <summary>The wrap algorithm in Key Vault's spelling: A256KW (key ring, Managed HSM; default) or RSA-OAEP-256 (Key Vault).</summary>
    [Required]
    public string Algorithm { get; init; } = "A256KW";

    /// <summary>Unwrapped keys kept in memory. Default 4096. More only saves unwrapping.</summary>
    [Range(16, 1_000_000)]
    public int CachedKeys { get; init; } = 4096;

    /// <summary>Seconds an unwrapped key may be used before its record is read again, which bounds how long an erased key lives on elsewhere. Default 600.</summary>
    [Range(1, 86_400)]
    public int CacheSeconds { get; init; } = 600;
}

/// <summary>Wraps and unwraps 32-byte keys under the institution's key-encryption key, with precise errors.</summary>
internal sealed class KeyEncryption(IKeyEncryptionKeyResolver resolver, KeyEncryptionOptions options)
{
    public async ValueTask<WrappedKey> WrapAsync(string institution, DataKey key, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var kek = await ResolveAsync(IdOf(institution), cancellationToken);
        var clear = key.Export();
        try
        {
            return new WrappedKey(key.Id.ToString(), options.Algorithm, kek.KeyId, await kek.WrapKeyAsync(options.Algorithm, clear, cancellationToken), now);
        }
        catch (RequestFailedException error)
        {
            throw Unavailable(error, kek.KeyId);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }

    public async ValueTask<DataKey> UnwrapAsync(WrappedKey wrapped, CancellationToken cancellationToken)
    {
        var kek = await ResolveAsync(wrapped.Kek, cancellationToken);
        byte[] clear;
        try
        {
            clear = await kek.UnwrapKeyAsync(wrapped.Algorithm, wrapped.Wrapped, cancellationToken);
        }
        catch (CryptographicException error)
        {
            throw new KeyUnavailableException(KeyFault.UnwrapFailed, $"key {wrapped.Id}, wrapped by {wrapped.Kek}", error);
        }
        catch (RequestFailedException error)
        {
            throw Unavailable(error, $"key {wrapped.Id}, wrapped by {wrapped.Kek}");
        }

        try
        {
            if (clear.Length != DataKey.Size) throw new KeyUnavailableException(KeyFault.WrongKey, $"key {wrapped.Id}, wrapped by {wrapped.Kek}");
            var key = new DataKey(clear);
            if (key.Id.ToString() == wrapped.Id) return key;
            key.Dispose();
            throw new KeyUnavailableException(KeyFault.WrongKey, $"key {wrapped.Id}, wrapped by {wrapped.Kek}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }

    /// <summary>The id of an institution's key-encryption key, without a version.</summary>
    public string IdOf(string institution) => options.KeyTemplate.Replace("{institution}", institution, StringComparison.Ordinal);

    /// <summary>True when the key was wrapped by the version, and in the way, that new wraps use.</summary>
    public async ValueTask<bool> IsCurrentAsync(string institution, WrappedKey wrapped, CancellationToken cancellationToken) =>
        wrapped.Algorithm == options.Algorithm && (await ResolveAsync(IdOf(institution), cancellationToken)).KeyId == wrapped.Kek;

    private async ValueTask<IKeyEncryptionKey> ResolveAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return await resolver.ResolveAsync(id, cancellationToken);
        }
        catch (KeyNotFoundException error)
        {
            throw new KeyUnavailableException(KeyFault.NoKeyEncryptionKey, id, error);
        }
        catch (RequestFailedException error)
        {
            throw Unavailable(error, id);
        }
    }

    /// <summary>What a vault's refusal means; its own word for it stands behind the key, without the text, which may quote the request.</summary>
    private static KeyUnavailableException Unavailable(RequestFailedException error, string subject) => new(
        error.Status switch
        {
            400 => KeyFault.UnwrapFailed,
            401 or 403 => KeyFault.Refused,
            404 => KeyFault.NoKeyEncryptionKey,
            _ => KeyFault.NotReached,
        },
        error.ErrorCode is { Length: > 0 } code ? $"{subject} ({code})" : subject,
        error);
}
