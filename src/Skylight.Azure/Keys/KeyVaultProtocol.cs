using Azure.Core;
using Azure.Core.Cryptography;

namespace Skylight.Azure.Keys;

/// <summary>Key Vault by our own words of its protocol, in builds without its client's package.</summary>
internal static class KeyVault
{
    public static IKeyEncryptionKeyResolver Resolver(TokenCredential credential) => new VaultKeyResolver(new VaultClient(credential));
}
