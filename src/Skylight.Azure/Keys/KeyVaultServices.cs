using Azure.Core;
using Azure.Core.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;

namespace Skylight.Azure.Keys;

public static class KeyVaultServices
{
    /// <summary>Registers Key Vault as the resolver of key-encryption keys (role Key Vault Crypto User), and refuses key templates that it cannot serve.</summary>
    public static IServiceCollection AddAzureKeys(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<KeyEncryptionOptions>, KeyVaultRules>();
        services.AddSingleton(static provider =>
            new CachedKeyResolver(KeyVault.Resolver(provider.GetRequiredService<TokenCredential>()), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IKeyEncryptionKeyResolver>(static provider => provider.GetRequiredService<CachedKeyResolver>());
        services.AddSingleton<IKeyEncryptionKeyVersions>(static provider =>
            new VaultKeyVersions(new VaultClient(provider.GetRequiredService<TokenCredential>()), provider.GetRequiredService<CachedKeyResolver>()));
        return services;
    }
}

/// <summary>The host says at its start what it could not do at the first study.</summary>
internal sealed class KeyVaultRules : IValidateOptions<KeyEncryptionOptions>
{
    public ValidateOptionsResult Validate(string? name, KeyEncryptionOptions options)
    {
        if (!options.KeyTemplate.StartsWith("https://", StringComparison.Ordinal) || !Uri.TryCreate(options.KeyTemplate, UriKind.Absolute, out _))
            return ValidateOptionsResult.Fail(
                $"{KeyEncryptionOptions.Section}:KeyTemplate must be the address of a key in Key Vault: https://VAULT.vault.azure.net/keys/skylight-{{institution}}. A key ring file (local:{{institution}}) serves on the edge.");
        return options.Algorithm == "A256KW" && !options.KeyTemplate.Contains(".managedhsm.", StringComparison.Ordinal)
            ? ValidateOptionsResult.Fail($"{KeyEncryptionOptions.Section}:Algorithm A256KW needs a Managed HSM; a vault's keys wrap with RSA-OAEP-256.")
            : ValidateOptionsResult.Success;
    }
}
