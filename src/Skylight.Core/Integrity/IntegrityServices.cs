using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Integrity;

public static class IntegrityServices
{
    /// <summary>Verification of the archive. Needs what <c>AddIngest</c>, <c>AddRetrieve</c> and <c>AddInstitutions</c> register, and the adapters.</summary>
    public static IServiceCollection AddIntegrity(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<ScrubOptions>().BindConfiguration(ScrubOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ScrubOptions>, ScrubOptionsValidator>());
        services.AddSingleton<Scrub>();
        services.AddSingleton<Replica>();
        services.AddSingleton<StudyVerifier>();
        services.AddSingleton<ArchiveVerifier>();
        services.AddSingleton<Maintenance.IMaintenanceWork, VerificationWork>();
        return services;
    }
}
