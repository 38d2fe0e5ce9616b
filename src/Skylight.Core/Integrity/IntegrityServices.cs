using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;

namespace Skylight.Core.Integrity;

public static class IntegrityServices
{
    /// <summary>Verification of the archive. Needs what <c>AddIngest</c>, <c>AddRetrieve</c> and <c>AddInstitutions</c> register, and the adapters.</summary>
    public static IServiceCollection AddIntegrity(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<ScrubOptions>().BindConfiguration(ScrubOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ScrubOptions>, ScrubOptionsValidator>());
        services.AddSingleton<Scrub>();
        services.AddSingleton<FallenBack>();
        services.AddHostedService<ReadRepair>();
        services.AddSingleton<Replica>();
        services.AddSingleton<StudyVerifier>();
        services.AddSingleton<ArchiveVerifier>();
        services.AddSingleton<Maintenance.IMaintenanceWork, VerificationWork>();
        return services;
    }

    /// <summary>The archive as readers see it: with the second copies behind it, where there are any.</summary>
    public static IObjectStore WithReplica(this IObjectStore store, IServiceProvider provider) =>
        provider.GetKeyedService<IObjectStore>(Replica.Service) is { } replica && provider.GetService<FallenBack>() is { } names ? new MirroredObjectStore(store, replica, names.Add) : store;
}
