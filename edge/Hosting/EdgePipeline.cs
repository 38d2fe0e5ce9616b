using Microsoft.Extensions.Options;
using Skylight.Edge.Blobs;
using Skylight.Edge.Runtime.Triggers.Http;
using Skylight.Functions.Http;

namespace Skylight.Edge.Hosting;

/// <summary>More endpoints of the edge host besides functions (the Blob protocol, the web application); register as a service.</summary>
public interface IEdgeEndpoints
{
    void Map(IEndpointRouteBuilder endpoints);
}

/// <summary>The order in which a request passes through the host.</summary>
internal static class EdgePipeline
{
    public static void Use(WebApplication app)
    {
        // Made now: it counts from the start, not from the first scrape.
        app.Services.GetRequiredService<Metrics.MetricsRegistry>();
        app.UseMiddleware<RequestObserver>();
        app.Use(static (http, next) =>
        {
            ResponseHeaders.Prepare(http);
            return next(http);
        });
        app.UseBlobEndpoint();
        app.UseRouting();
        var origins = app.Services.GetRequiredService<IOptions<EdgeOptions>>().Value.CorsOrigins;
        if (origins.Count > 0)
        {
            app.UseCors(policy => policy.WithOrigins([.. origins]).AllowAnyMethod().WithHeaders("Authorization", "Content-Type", "Accept", "Idempotency-Key", "If-Match", "If-None-Match", "Range")
                .WithExposedHeaders("ETag", "Location", "X-Correlation-Id", "Retry-After", "Content-Range"));
        }

        app.Services.GetRequiredService<HttpFunctions>().Map(app);
        foreach (var more in app.Services.GetServices<IEdgeEndpoints>()) more.Map(app);
        Health.HealthEndpoints.Map(app);
        Metrics.MetricsEndpoint.Map(app);

        // Takes every method, so a known path with a method that it does not take ends here too: 404, as with the Functions host.
        app.MapFallback("{*path}", static http => Problem.NotFound().WriteAsync(http));
    }
}
