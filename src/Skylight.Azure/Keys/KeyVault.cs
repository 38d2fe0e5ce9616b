using Azure.Core;
using Azure.Core.Cryptography;
using Azure.Security.KeyVault.Keys.Cryptography;

namespace Skylight.Azure.Keys;

/// <summary>Key Vault's genuine client, in builds with the genuine packages.</summary>
internal static class KeyVault
{
    public static IKeyEncryptionKeyResolver Resolver(TokenCredential credential) => new KeyResolver(credential);
}
