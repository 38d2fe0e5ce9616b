using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Rendering;

public static class RenderingServices
{
    /// <summary>Decoded frames, instances in another transfer syntax, pictures.</summary>
    public static IServiceCollection AddRendering(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<RenderingOptions>().BindConfiguration(RenderingOptions.Section);
        services.AddSingleton<IValidateOptions<RenderingOptions>, RenderingOptionsValidator>();
        services.AddSingleton<InstancePixels>();
        services.AddSingleton<DecodedInstances>();
        services.AddSingleton<StudyPreviews>();
        return services;
    }
}
