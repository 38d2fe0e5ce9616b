using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Core.Integrity;

public static class IntegrityServices
{
    /// <summary>Verification of the archive. Needs what <c>AddIngest</c>, <c>AddRetrieve</c> and <c>AddInstitutions</c> register, and the adapters.</summary>
    public static IServiceCollection AddIntegrity(this IServiceCollection services)
    {
        services.AddSingleton<StudyVerifier>();
        services.AddSingleton<ArchiveVerifier>();
        services.AddSingleton<RestoredErasures>();
        services.AddSingleton<Maintenance.IMaintenanceWork, VerificationWork>();
        return services;
    }
}
