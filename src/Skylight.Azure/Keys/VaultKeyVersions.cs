using Azure.Core.Cryptography;
using Skylight.Archive.Keys;

namespace Skylight.Azure.Keys;

/// <summary>Versions of a key in Key Vault, as far as a resolver shows them: the newest. New ones come, and old ones go, by the vault's rotation policy.</summary>
internal sealed class VaultKeyVersions(IKeyEncryptionKeyResolver vault, TimeProvider time) : IKeyEncryptionKeyVersions
{
    public async ValueTask<IReadOnlyList<KeyEncryptionKeyVersion>> ListAsync(string keyId, CancellationToken cancellationToken)
    {
        try
        {
            return [new KeyEncryptionKeyVersion((await vault.ResolveAsync(keyId, cancellationToken)).KeyId, time.GetUtcNow())];
        }
        catch (global::Azure.RequestFailedException error) when (error.Status == 404)
        {
            return [];
        }
    }

    public async ValueTask<string> AddAsync(string keyId, CancellationToken cancellationToken) => (await vault.ResolveAsync(keyId, cancellationToken)).KeyId;

    public ValueTask<bool> RetireAsync(string versionId, CancellationToken cancellationToken) => ValueTask.FromResult(false);
}
