using System.Text.Json;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Skylight.Core.Documents;

namespace Skylight.Edge.Hosting.Health;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c>: every registered check passes and the host is not stopping; otherwise 503.
/// Checks are registered with <c>services.AddHealthChecks().AddCheck&lt;T&gt;(name)</c>; only their names and states are shown.
/// </summary>
internal static class HealthEndpoints
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapMethods("/health/live", ["GET", "HEAD"], static http => WriteAsync(http, true, new Answer("live", null)));
        endpoints.MapMethods("/health/ready", ["GET", "HEAD"], static async http =>
        {
            if (http.RequestServices.GetRequiredService<Drain>().Started.IsCancellationRequested)
            {
                await WriteAsync(http, false, new Answer("stopping", null));
                return;
            }

            var report = await http.RequestServices.GetRequiredService<HealthCheckService>().CheckHealthAsync(http.RequestAborted);
            var ready = report.Status != HealthStatus.Unhealthy;
            await WriteAsync(http, ready, new Answer(
                ready ? "ready" : "not-ready",
                report.Entries.Select(e => new Check(e.Key, Name(e.Value.Status), e.Value.Status == HealthStatus.Healthy ? null : e.Value.Exception is null ? e.Value.Description : "the check failed")).ToArray()));
        });
    }

    private static string Name(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "pass",
        HealthStatus.Degraded => "warn",
        _ => "fail",
    };

    private static async Task WriteAsync(HttpContext http, bool good, Answer answer)
    {
        http.Response.StatusCode = good ? 200 : 503;
        http.Response.ContentType = "application/json";
        if (HttpMethods.IsHead(http.Request.Method)) return;
        await JsonSerializer.SerializeAsync(http.Response.Body, answer, DocumentJson.Options, http.RequestAborted);
    }

    private sealed record Answer(string Status, IReadOnlyList<Check>? Checks);

    private sealed record Check(string Name, string Status, string? Detail);
}
