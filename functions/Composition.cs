using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Compression;
using Skylight.Core.Hosting;
using Skylight.Core.Ingest;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Lifecycle;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Core.Statistics;
using Skylight.Core.Tiers;
using Skylight.Functions.Access;
using Skylight.Functions.DicomWeb;
using Skylight.Core.Uploads;
using Skylight.Functions.Http;

namespace Skylight.Functions;

/// <summary>What both hosts compose: the capabilities of Core (one line each) and the middleware. Adapters are the host's choice.</summary>
public static class Composition
{
    public static IServiceCollection AddSkylight(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddHosting(configuration);
        services.AddIdentity(configuration);
        services.AddInstitutions();
        services.AddAccess();
        services.AddIngest();
        services.AddLifecycle();
        services.AddSingleton<Gate>();
        services.AddUploads();
        services.AddRetrieve();
        services.AddTiers();
        services.AddCompression();
        services.AddStatistics();
        services.AddSingleton<ArchivedStudies>();
        services.AddSingleton<OriginalFiles>();
        services.AddIntegrity();
        services.AddKeyUpkeep();
        services.AddRendering();
        services.AddSingleton<DicomWeb.Pictures>();
        services.AddOptions<HttpOptions>().Bind(configuration.GetSection(HttpOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<HttpOptions>, HttpOptionsValidator>();
        return services;
    }

    /// <summary>The middleware of every function, in order.</summary>
    public static IFunctionsWorkerApplicationBuilder UseSkylight(this IFunctionsWorkerApplicationBuilder builder)
    {
        builder.UseMiddleware<HttpMiddleware>();
        return builder;
    }
}
