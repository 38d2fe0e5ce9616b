using System.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Skylight.Edge.Hosting.Telemetry;
using Skylight.Functions.Http;

namespace Skylight.Edge.Hosting;

/// <summary>
/// Around every request: a trace with the route template (never the path), one log line, the metrics, and an answer for what nothing else
/// has caught.
/// </summary>
internal sealed class RequestObserver(RequestDelegate next, EdgeTelemetry telemetry, Drain drain, ILogger<RequestObserver> logger)
{
    private static readonly DistributedContextPropagator Propagator = DistributedContextPropagator.CreateW3CPropagator();

    public async Task InvokeAsync(HttpContext http)
    {
        var method = Known(http.Request.Method);
        using var activity = Start(http, method);
        var started = Stopwatch.GetTimestamp();
        telemetry.RequestsInFlight.Add(1);
        var aborted = false;
        try
        {
            await next(http);
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            aborted = true;
        }
        catch (Exception error) when (!http.Response.HasStarted)
        {
            var problem = HttpFailure.Of(error, drain.Expired);
            if (problem.Status >= 500) Log.RequestFailed(logger, Route(http), error);
            http.Response.Clear();
            await problem.WriteAsync(http);
        }
        catch (Exception error)
        {
            // The status line is out: cutting the connection is the only honest sign left that the body is not whole.
            Log.RequestFailed(logger, Route(http), error);
            aborted = true;
            http.Abort();
        }
        finally
        {
            var status = aborted ? 499 : http.Response.StatusCode;
            var elapsed = Stopwatch.GetElapsedTime(started);
            var route = Route(http);
            telemetry.RequestsInFlight.Add(-1);
            telemetry.Requests.Record(elapsed.TotalSeconds, new("method", method), new("route", route), new("status", status));
            Log.Request(logger, method, route, status, elapsed.TotalMilliseconds);
            if (activity is not null)
            {
                activity.DisplayName = $"{method} {route}";
                activity.SetTag("http.request.method", method);
                activity.SetTag("http.route", route);
                activity.SetTag("http.response.status_code", status);
                if (status >= 500) activity.SetStatus(ActivityStatusCode.Error);
            }
        }
    }

    /// <summary>The route's template; a path that no route has stays unnamed.</summary>
    private static string Route(HttpContext http)
    {
        var endpoint = http.GetEndpoint() ?? http.Features.Get<IEndpointFeature>()?.Endpoint;
        return endpoint is RouteEndpoint { RoutePattern.RawText: { } text } && text != "{*path}" ? "/" + text.TrimStart('/') : "(none)";
    }

    /// <summary>Methods are the client's text: only the usual ones become labels.</summary>
    private static string Known(string method) =>
        method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" ? method : "OTHER";

    private static Activity? Start(HttpContext http, string method)
    {
        Propagator.ExtractTraceIdAndState(http.Request.Headers, static (object? carrier, string name, out string? value, out IEnumerable<string>? values) =>
        {
            values = null;
            value = ((IHeaderDictionary)carrier!)[name];
        }, out var parent, out var state);
        ActivityContext.TryParse(parent, state, isRemote: true, out var context);
        var activity = EdgeTelemetry.Source.StartActivity(method, ActivityKind.Server, context);
        if (activity is not null) return activity;

        // Nobody collects traces; the correlation id is needed all the same.
        activity = new Activity(method).SetIdFormat(ActivityIdFormat.W3C);
        if (context != default) activity.SetParentId(context.TraceId, context.SpanId, context.TraceFlags);
        return activity.Start();
    }
}
