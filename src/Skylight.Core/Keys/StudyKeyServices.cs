using Azure.Core.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Core.Documents;

namespace Skylight.Core.Keys;

public static class StudyKeyServices
{
    /// <summary>Registers study keys and institution secrets over the host's records, their second place where the adapters have one, and its resolver of key-encryption keys.</summary>
    public static IServiceCollection AddStudyKeys(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<KeyEncryptionOptions>().BindConfiguration(KeyEncryptionOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<KeyEncryptionOptions>, KeyEncryptionOptionsValidator>());
        services.TryAddSingleton<IKeyRecordStore>(static provider =>
        {
            var first = new DocumentKeyRecords(provider.GetRequiredService<IDocuments>());
            return provider.GetKeyedService<IKeyRecordStore>(ReplicatedKeyRecords.Service) is { } second ? new ReplicatedKeyRecords(first, second) : first;
        });
        services.AddSingleton(static provider => new StudyKeys(
            provider.GetRequiredService<IKeyRecordStore>(),
            provider.GetRequiredService<IKeyEncryptionKeyResolver>(),
            provider.GetRequiredService<IOptions<KeyEncryptionOptions>>().Value,
            provider.GetRequiredService<TimeProvider>())
        {
            Ciphers = provider.GetRequiredService<SealPolicies>().CipherAsync,
        });
        services.AddSingleton<SealPolicies>();
        services.AddSingleton<IReadKeys>(static provider => provider.GetRequiredService<StudyKeys>());
        services.AddSingleton(static provider => new InstitutionSecrets(
            provider.GetRequiredService<IKeyRecordStore>(),
            provider.GetRequiredService<IKeyEncryptionKeyResolver>(),
            provider.GetRequiredService<IOptions<KeyEncryptionOptions>>().Value,
            provider.GetRequiredService<TimeProvider>()));
        return services;
    }
}

[OptionsValidator]
internal sealed partial class KeyEncryptionOptionsValidator : IValidateOptions<KeyEncryptionOptions>;
