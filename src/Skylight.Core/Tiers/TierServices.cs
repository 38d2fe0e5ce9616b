using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Tiers;

public static class TierServices
{
    /// <summary>Registers tier policies, moves and rehydration. Needs what <c>AddIngest</c> registers.</summary>
    public static IServiceCollection AddTiers(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<TierOptions>().BindConfiguration(TierOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TierOptions>, TierOptionsValidator>());
        services.AddSingleton<StudyUse>();
        services.AddSingleton<TierPolicies>();
        services.AddSingleton<StudyTiers>();
        services.AddSingleton<Rehydrations>();
        services.AddSingleton<TierSweep>();
        return services;
    }
}
