using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Maintenance;

namespace Skylight.Core.Keys;

public static class KeyServices
{
    /// <summary>Rotation, re-encryption and retirement of keys. Needs <c>IKeyEncryptionKeyVersions</c> of the adapters.</summary>
    public static IServiceCollection AddKeyUpkeep(this IServiceCollection services)
    {
        services.AddSingleton<IMaintenanceWork, KeyRotationWork>();
        services.AddSingleton<IMaintenanceWork, ReencryptionWork>();
        services.AddSingleton<KeyRetirement>();
        services.AddOptionsWithValidateOnStart<KeyBackupOptions>().BindConfiguration(KeyBackupOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<KeyBackupOptions>, KeyBackupRanges>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<KeyBackupOptions>, KeyBackupRules>());
        services.AddSingleton<ErasureCopies>();
        services.AddSingleton<KeyGenerations>();
        services.AddSingleton<MaintenanceRuns>();
        return services;
    }
}
