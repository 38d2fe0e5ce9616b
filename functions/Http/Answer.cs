using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Documents;

namespace Skylight.Functions.Http;

/// <summary>The successful answers of the API. MVC's own result types are not used: their JSON has other options than ours.</summary>
public static class Answer
{
    /// <summary><paramref name="value"/> as <c>application/json</c> by <see cref="DocumentJson.Options"/>.</summary>
    public static IActionResult Json<T>(T value, int status = StatusCodes.Status200OK) => new JsonAnswer<T>(value, status, null);

    /// <summary>201 with the address of what was made (a path below our base URL).</summary>
    public static IActionResult Created<T>(string location, T value) => new JsonAnswer<T>(value, StatusCodes.Status201Created, location);

    /// <summary>202: accepted, and where to look how it goes.</summary>
    public static IActionResult Accepted<T>(string location, T value) => new JsonAnswer<T>(value, StatusCodes.Status202Accepted, location);

    /// <summary>A page as <c>{items, next}</c>; <paramref name="next"/> is the continuation to ask with, null on the last page.</summary>
    public static IActionResult List<T>(IReadOnlyList<T> items, string? next) => Json(new Page<T>(items, next));

    /// <summary>A status and no body.</summary>
    public static IActionResult Empty(int status = StatusCodes.Status204NoContent) => new StatusCodeResult(status);

    /// <summary>
    /// A body written while it is made. What can refuse or fail must have happened before: once the first byte is out, a failure can only
    /// cut the connection. The token ends when the client goes away.
    /// </summary>
    public static IActionResult Stream(string contentType, Func<Stream, CancellationToken, Task> write, int status = StatusCodes.Status200OK, long? length = null) =>
        new StreamAnswer(contentType, write, status, length);

    /// <summary>As <see cref="Stream"/>, written straight into the buffers that go out: for large bodies. The answer has begun before the first call, and is flushed after the last.</summary>
    /// <param name="length">Bytes of the body, where they are known: the client learns how much is to come, and nothing is cut into chunks.</param>
    public static IActionResult Pipe(string contentType, Func<PipeWriter, CancellationToken, Task> write, long? length = null, int status = StatusCodes.Status200OK) =>
        new PipeAnswer(contentType, write, length, status);

    private sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

    private sealed class JsonAnswer<T>(T value, int status, string? location) : IActionResult
    {
        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = status;
            response.ContentType = "application/json";
            if (location is not null) response.Headers.Location = location;
            await JsonSerializer.SerializeAsync(response.Body, value, DocumentJson.Options, context.HttpContext.RequestAborted);
        }
    }

    private sealed class StreamAnswer(string contentType, Func<Stream, CancellationToken, Task> write, int status, long? length) : IActionResult
    {
        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = status;
            response.ContentType = contentType;
            response.ContentLength = length;
            if (HttpMethods.IsHead(context.HttpContext.Request.Method)) return;
            await write(response.Body, context.HttpContext.RequestAborted);
        }
    }

    private sealed class PipeAnswer(string contentType, Func<PipeWriter, CancellationToken, Task> write, long? length, int status) : IActionResult
    {
        public async Task ExecuteResultAsync(ActionContext context)
        {
            var response = context.HttpContext.Response;
            response.StatusCode = status;
            response.ContentType = contentType;
            response.ContentLength = length;
            if (HttpMethods.IsHead(context.HttpContext.Request.Method)) return;
            // From here on a failure can only cut the connection: the pipe's memory is the answer's, and cannot be taken back.
            await response.StartAsync(context.HttpContext.RequestAborted);
            await write(response.BodyWriter, context.HttpContext.RequestAborted);
            await response.BodyWriter.FlushAsync(context.HttpContext.RequestAborted);
        }
    }
}
