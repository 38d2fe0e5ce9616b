using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Uploads;

public static class UploadServices
{
    /// <summary>Registers upload sessions. The host adds <c>IDocuments</c> and <see cref="IIngress"/>.</summary>
    public static IServiceCollection AddUploads(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<UploadOptions>().BindConfiguration(UploadOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<UploadOptions>, UploadOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<UploadContent>();
        services.AddSingleton<UploadReports>();
        services.AddSingleton<UploadSessions>();
        services.AddSingleton<UploadUpkeep>();
        return services;
    }
}
