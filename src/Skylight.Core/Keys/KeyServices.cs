using Microsoft.Extensions.DependencyInjection;
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
        services.AddSingleton<MaintenanceRuns>();
        return services;
    }
}
