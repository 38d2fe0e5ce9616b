using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Lifecycle;

public static class LifecycleServices
{
    /// <summary>Registers deletion, retention and holds. Needs what <c>AddIngest</c> registers.</summary>
    public static IServiceCollection AddLifecycle(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<LifecycleOptions>().BindConfiguration(LifecycleOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LifecycleOptions>, LifecycleOptionsValidator>());
        services.AddSingleton<Retention>();
        services.AddSingleton<StudyHolds>();
        services.AddSingleton<Deletions>();
        return services;
    }
}
