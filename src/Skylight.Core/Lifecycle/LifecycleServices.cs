using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Core.Lifecycle.Corrections;

namespace Skylight.Core.Lifecycle;

public static class LifecycleServices
{
    /// <summary>Registers deletion, rejection notes, retention, holds and erasure. Needs what <c>AddIngest</c> and <c>AddUploads</c> register.</summary>
    public static IServiceCollection AddLifecycle(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<LifecycleOptions>().BindConfiguration(LifecycleOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LifecycleOptions>, LifecycleOptionsValidator>());
        services.AddSingleton<Retention>();
        services.AddSingleton<StudyHolds>();
        services.AddSingleton<Deletions>();
        services.AddSingleton<Rejections>();
        services.AddSingleton<HoldReleases>();
        services.AddSingleton<CorrectionLists>();
        services.AddSingleton<CorrectionService>();
        services.AddSingleton<InstanceVersions>();
        services.AddSingleton<OrphanSweep>();
        services.AddSingleton<Uploads.UploadKeys>();
        services.AddSingleton<ErasureRequests>();
        services.AddSingleton<ErasureTraces>();
        services.AddSingleton<ErasedContent>();
        services.TryAddSingleton<Tiers.StudyTiers>();
        services.AddSingleton<Erasure>();
        services.AddSingleton<ErasedStudies>();
        services.AddSingleton<ErasureDue>();
        services.AddSingleton<ErasedBytes>();
        services.AddSingleton<LifecycleUpkeep>();
        return services;
    }
}
