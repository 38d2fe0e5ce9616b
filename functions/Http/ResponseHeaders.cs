using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Http;

/// <summary>The headers that every answer carries unless its function has set its own: nothing is cached, framed, sniffed or referred.</summary>
public static class ResponseHeaders
{
    private static readonly object Prepared = new();

    /// <summary>Call early; the headers are set when the response starts. Calling it again changes nothing.</summary>
    public static void Prepare(HttpContext context)
    {
        if (!context.Items.TryAdd(Prepared, Prepared)) return;
        context.Response.OnStarting(static state => Apply((HttpContext)state), context);
    }

    private static Task Apply(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.TryAdd("Cache-Control", "private, no-store");
        headers.TryAdd("X-Content-Type-Options", "nosniff");
        headers.TryAdd("Referrer-Policy", "no-referrer");
        headers.TryAdd("X-Frame-Options", "SAMEORIGIN");
        headers.TryAdd("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        headers.TryAdd("Cross-Origin-Resource-Policy", "same-origin");
        if (context.Request.IsHttps) headers.TryAdd("Strict-Transport-Security", "max-age=31536000");
        if (Activity.Current is { } activity) headers.TryAdd("X-Correlation-Id", activity.TraceId.ToHexString());
        return Task.CompletedTask;
    }
}
