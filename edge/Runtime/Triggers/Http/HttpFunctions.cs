using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Abstractions;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;
using Skylight.Edge.Hosting;
using Skylight.Functions.Http;

namespace Skylight.Edge.Runtime.Triggers.Http;

/// <summary>
/// Serves HTTP functions: prefix, route templates, constraints and methods as the Functions host has them. A path that no function has, and a
/// method that the path's function does not take, are both 404, as there.
/// </summary>
public sealed class HttpFunctions(FunctionCatalog catalog, FunctionPipeline pipeline, HostSettings host, Drain drain, HttpGate gate, IOptions<EdgeOptions> options, TimeProvider time)
{
    /// <exception cref="StartupException">Names every function whose route or parameters cannot be served.</exception>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        var errors = new List<string>();
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var function in catalog.Of<HttpTriggerAttribute>())
        {
            var trigger = (HttpTriggerAttribute)function.Trigger;
            if (trigger.AuthLevel != AuthorizationLevel.Anonymous)
                errors.Add($"Function '{function.Name}': AuthLevel must be Anonymous. Callers prove themselves by bearer tokens; the edge has no function keys.");
            RoutePattern pattern;
            try
            {
                pattern = RoutePatternFactory.Parse(Template(trigger.Route ?? function.Name));
            }
            catch (RoutePatternException error)
            {
                errors.Add($"Function '{function.Name}': its route cannot be read: {error.Message}");
                continue;
            }

            var first = pattern.PathSegments.Count == 0 ? null : (pattern.PathSegments[0].Parts[0] as RoutePatternLiteralPart)?.Content;
            if (first is not null && (first.Equals("admin", StringComparison.OrdinalIgnoreCase) || first.Equals("runtime", StringComparison.OrdinalIgnoreCase)))
                errors.Add($"Function '{function.Name}': the Functions host keeps routes under '{first}' for itself.");
            var methods = (trigger.Methods ?? []).Select(m => m.ToUpperInvariant()).ToArray();
            foreach (var method in methods.Length == 0 ? ["*"] : methods)
            {
                if (!taken.Add($"{method} {Shape(pattern)}")) errors.Add($"Function '{function.Name}': another function serves {method} on the same route.");
            }

            var names = pattern.Parameters.Select(p => p.Name).ToArray();
            var arguments = Arguments.Bind(function, TriggerValue(function), names, errors);
            var builder = endpoints.Map(pattern, http => ServeAsync(http, function, names, arguments)).WithDisplayName(function.Name).WithMetadata(function);
            if (methods.Length > 0) builder.WithMetadata(new HttpMethodMetadata(methods));
        }

        if (errors.Count > 0) throw new StartupException(errors);
    }

    private string Template(string route)
    {
        var prefix = host.RoutePrefix.Trim('/');
        route = route.Trim('/');
        return prefix.Length == 0 ? route : $"{prefix}/{route}";
    }

    /// <summary>The template without parameter names: two routes that differ in nothing else answer the same paths.</summary>
    private static string Shape(RoutePattern pattern) => string.Join('/', pattern.PathSegments.Select(s => string.Concat(s.Parts.Select(p => p switch
    {
        RoutePatternLiteralPart literal => literal.Content,
        RoutePatternSeparatorPart separator => separator.Content,
        RoutePatternParameterPart parameter => $"{{{(parameter.IsCatchAll ? "*" : "")}{string.Join(':', parameter.ParameterPolicies.Select(c => c.Content))}}}",
        _ => "?",
    }))));

    private static Argument? TriggerValue(FunctionEntry function)
    {
        var type = function.TriggerParameter.ParameterType;
        if (type == typeof(HttpRequest)) return static context => context.GetHttpContext()!.Request;
        return type == typeof(HttpContext) ? static context => context.GetHttpContext() : null;
    }

    private async Task ServeAsync(HttpContext http, FunctionEntry function, string[] names, Argument[] arguments)
    {
        using var entry = await gate.EnterAsync(http.RequestAborted);
        if (!entry.Admitted)
        {
            await Problem.Of(429, "too-many-requests", "Too many requests at once; try again.", "并发请求过多，请稍后重试。").WithHeader("Retry-After", "1").WriteAsync(http);
            return;
        }

        using var limit = new CancellationTokenSource(options.Value.TimeLimitOf(function.Name, host) ?? Timeout.InfiniteTimeSpan, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, http.RequestAborted, drain.Expired);
        var data = ImmutableDictionary.CreateBuilder<string, object?>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names) data[name] = http.GetRouteValue(name);
        var context = new EdgeFunctionContext(function.Definition, http.RequestServices, data.ToImmutable(), 0, 0, linked.Token);
        context.Items[EdgeFunctionContext.HttpContextKey] = http;
        object? result = null;
        await pipeline.RunAsync(context, async inner =>
        {
            object?[] values;
            try
            {
                values = Arguments.Values(arguments, inner);
            }
            catch (ArgumentUnfitException)
            {
                result = Problem.NotFound();
                return;
            }

            result = await function.Body(inner.InstanceServices, values);
        });
        await AnswerAsync(http, result);
    }

    private static async Task AnswerAsync(HttpContext http, object? result)
    {
        switch (result)
        {
            case null:
                return;
            case IActionResult action:
                await action.ExecuteResultAsync(new ActionContext(http, http.GetRouteData(), new ActionDescriptor()));
                return;
            case IResult minimal:
                await minimal.ExecuteAsync(http);
                return;
            case string text:
                http.Response.ContentType = "text/plain; charset=utf-8";
                await http.Response.WriteAsync(text, http.RequestAborted);
                return;
            default:
                http.Response.ContentType = "application/json";
                await JsonSerializer.SerializeAsync(http.Response.Body, result, result.GetType(), DocumentJson.Options, http.RequestAborted);
                return;
        }
    }
}
