using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Compression;

public static class CompressionServices
{
    /// <summary>Registers compression policies and what carries them out. Needs what <c>AddIngest</c> and <c>AddTiers</c> register.</summary>
    public static IServiceCollection AddCompression(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<CompressionOptions>().BindConfiguration(CompressionOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CompressionOptions>, CompressionOptionsValidator>());
        services.TryAddSingleton(static _ => Pictures.Codecs());
        services.AddSingleton<CompressionPolicies>();
        services.AddSingleton<PixelRegions>();
        services.AddSingleton<StudyCompression>();
        services.AddSingleton<CompressionSweep>();
        return services;
    }
}
