using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Core.Statistics;

public static class StatisticsServices
{
    /// <summary>Registers the counts of days and the saved statistics.</summary>
    public static IServiceCollection AddStatistics(this IServiceCollection services)
    {
        services.AddSingleton<StatisticsKeeper>();
        services.AddSingleton<SavedStatistics>();
        return services;
    }
}
