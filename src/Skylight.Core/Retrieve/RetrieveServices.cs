using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Catalog;

namespace Skylight.Core.Retrieve;

public static class RetrieveServices
{
    /// <summary>Search and retrieval of studies.</summary>
    public static IServiceCollection AddRetrieve(this IServiceCollection services)
    {
        services.AddSingleton<StudyReader>();
        services.AddSingleton<Retrieval>();
        services.AddSingleton<InstanceBytes>();
        services.AddSingleton<NativeFrames>();
        services.AddSingleton<QidoSearch>();
        services.AddSingleton<KeywordSearch>();
        services.AddSingleton<QidoExtras>();
        return services;
    }
}
