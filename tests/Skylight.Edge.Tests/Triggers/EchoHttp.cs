using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Functions.Http;

namespace Skylight.Edge.Tests.Triggers;

public interface IGreeting
{
    string Text { get; }
}

/// <summary>Functions that the tests of the HTTP trigger call.</summary>
public sealed class EchoHttp(IGreeting greeting)
{
    [Function("Greet")]
    public IActionResult Greet([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/greet")] HttpRequest request) =>
        Answer.Json(new { greeting.Text, request.Method });

    [Function("NoRoute")]
    public static string NoRoute([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request) => "no route " + request.Method;

    [Function("Typed")]
    public static object Typed([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/items/{id:int}/{name?}")] HttpRequest request, int id, string? name, FunctionContext context) =>
        new { id, name, function = context.FunctionDefinition.Name, same = ReferenceEquals(context.GetHttpContext(), request.HttpContext) };

    [Function("Guided")]
    public static object Guided([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/guided/{id}")] HttpRequest request, Guid id) => new { id, request.Method };

    [Function("Rest")]
    public static string Rest([HttpTrigger(AuthorizationLevel.Anonymous, "get", "put", Route = "test/rest/{*path}")] HttpRequest request, string? path) => $"{request.Method} [{path}]";

    [Function("Copy")]
    [RequestLimit(RequestLimitAttribute.Unlimited)]
    public static async Task Copy([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "test/copy")] HttpRequest request, CancellationToken cancellationToken)
    {
        request.HttpContext.Response.ContentType = "application/octet-stream";
        await request.Body.CopyToAsync(request.HttpContext.Response.Body, cancellationToken);
    }

    [Function("Small")]
    public static async Task<IActionResult> Small([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "test/small")] HttpRequest request, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellationToken);
        return Answer.Json(new { body.Length });
    }

    [Function("Fail")]
    public static Task<IActionResult> Fail([HttpTrigger(AuthorizationLevel.Anonymous, Route = "test/fail")] HttpRequest request) =>
        throw new InvalidOperationException("secret 张三 " + request.Method);

    [Function("Cached")]
    public static IActionResult Cached([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/cached")] HttpRequest request)
    {
        request.HttpContext.Response.Headers.CacheControl = "public, max-age=60";
        return Answer.Empty();
    }

    [Function("Broken")]
    public static IActionResult Broken([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/broken")] HttpRequest request) =>
        Answer.Stream("application/octet-stream", async (body, cancellation) =>
        {
            await body.WriteAsync(new byte[100_000], cancellation);
            throw new InvalidOperationException("in the middle " + request.Method);
        });
}

/// <summary>How a test and a function that waits talk to each other.</summary>
public sealed class Waiting : IDisposable
{
    public SemaphoreSlim Entered { get; } = new(0);

    public SemaphoreSlim Cancelled { get; } = new(0);

    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose()
    {
        Entered.Dispose();
        Cancelled.Dispose();
    }
}

public sealed class WaitHttp(Waiting waiting)
{
    [Function("Wait")]
    public async Task<IActionResult> Wait([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "test/wait/{patient}")] HttpRequest request, string patient, CancellationToken cancellationToken)
    {
        waiting.Entered.Release();
        try
        {
            await waiting.Release.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            if (cancellationToken.IsCancellationRequested) waiting.Cancelled.Release();
        }

        return Answer.Json(new { patient.Length, request.Method });
    }
}
