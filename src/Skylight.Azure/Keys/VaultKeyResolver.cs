using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Azure.Core.Cryptography;

namespace Skylight.Azure.Keys;

/// <summary>Keys in Key Vault or Managed HSM by their address, with a version or without (the newest). The key never leaves the vault: it wraps and unwraps there.</summary>
internal sealed class VaultKeyResolver(VaultClient client) : IKeyEncryptionKeyResolver
{
    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => throw new NotSupportedException("Keys are resolved asynchronously.");

    public async Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default)
    {
        using var answer = await client.GetAsync(VaultClient.Under(keyId, ""), cancellationToken);
        return new VaultKey(client, answer.RootElement.GetProperty("key").GetProperty("kid").GetString()!);
    }

    private sealed class VaultKey(VaultClient client, string keyId) : IKeyEncryptionKey
    {
        public string KeyId => keyId;

        public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => throw new NotSupportedException("Keys are wrapped asynchronously.");

        public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException("Keys are unwrapped asynchronously.");

        public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => AskAsync("wrapkey", algorithm, key, cancellationToken);

        public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
            AskAsync("unwrapkey", algorithm, encryptedKey, cancellationToken);

        private async Task<byte[]> AskAsync(string operation, string algorithm, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(new { alg = algorithm, value = Base64Url.EncodeToString(value.Span) });
            try
            {
                using var answer = await client.PostAsync(VaultClient.Under(keyId, operation), body, cancellationToken);
                return Base64Url.DecodeFromChars(answer.RootElement.GetProperty("value").GetString());
            }
            finally
            {
                CryptographicOperations.ZeroMemory(body);
            }
        }
    }
}
