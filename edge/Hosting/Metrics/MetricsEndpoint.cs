using System.Net;
using Microsoft.Extensions.Options;
using Skylight.Functions.Http;

namespace Skylight.Edge.Hosting.Metrics;

/// <summary><c>/metrics</c> in Prometheus' text format, for this machine and the configured networks; to everybody else there is nothing here.</summary>
internal static class MetricsEndpoint
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapMethods("/metrics", ["GET"], static async http =>
        {
            if (!Allowed(http))
            {
                await Problem.NotFound().WriteAsync(http);
                return;
            }

            http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            await http.Response.WriteAsync(http.RequestServices.GetRequiredService<MetricsRegistry>().Render(), http.RequestAborted);
        });
    }

    private static bool Allowed(HttpContext http)
    {
        if (http.Connection.RemoteIpAddress is not { } address) return false;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();

        // A proxy on this machine connects from loopback on behalf of the world; it says so in these headers.
        var proxied = http.Request.Headers.ContainsKey("X-Forwarded-For") || http.Request.Headers.ContainsKey("Forwarded");
        if (IPAddress.IsLoopback(address) && !proxied) return true;
        return http.RequestServices.GetRequiredService<IOptions<EdgeOptions>>().Value.MetricsNetworks.Any(n => IPNetwork.Parse(n).Contains(address));
    }
}
