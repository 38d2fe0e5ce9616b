using Azure.Core;
using Azure.Core.Cryptography;

namespace Skylight.Azure.Keys;

/// <summary>Stands where Key Vault's client is in builds with the genuine packages.</summary>
internal static class KeyVault
{
    public static string? Missing => "This build has no Key Vault client (Azure.Security.KeyVault.Keys): build with -p:AzurePackages=true.";

    public static IKeyEncryptionKeyResolver Resolver(TokenCredential credential) => throw new NotSupportedException(Missing);
}
