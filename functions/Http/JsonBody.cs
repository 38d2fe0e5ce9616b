using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Skylight.Core.Documents;

namespace Skylight.Functions.Http;

/// <summary>A request body read as JSON: the value, or the refusal to answer with.</summary>
public readonly record struct JsonBody<T>(T? Value, Problem? Refusal) where T : class;

public static class JsonBody
{
    private static readonly Problem Missing = Problem.BadRequest("body-missing", "A JSON body is required.", "缺少 JSON 请求体。");
    private static readonly Problem Malformed = Problem.BadRequest("body-malformed", "The body is not the JSON that this address takes.", "请求体不是此地址要求的 JSON。");

    /// <summary>Reads the whole body (its size is limited by the host) as <typeparamref name="T"/> by <see cref="DocumentJson.Options"/>.</summary>
    public static async ValueTask<JsonBody<T>> ReadAsync<T>(HttpRequest request, CancellationToken cancellationToken) where T : class
    {
        if (request.ContentLength == 0) return new(null, Missing);
        if (!request.HasJsonContentType())
            return new(null, Problem.Of(415, "media-type-unsupported", "Send application/json.", "请发送 application/json。"));
        try
        {
            var value = await JsonSerializer.DeserializeAsync<T>(request.Body, DocumentJson.Options, cancellationToken);
            return value is null ? new(null, Missing) : new(value, null);
        }
        catch (JsonException)
        {
            // Its message quotes the input, which may hold personal data: the client gets the code alone.
            return new(null, Malformed);
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, but no body (or an empty one) is <paramref name="absent"/>.</summary>
    public static async ValueTask<JsonBody<T>> ReadOptionalAsync<T>(HttpRequest request, T absent, CancellationToken cancellationToken) where T : class
    {
        if (request.ContentLength == 0 || (request.ContentLength is null && request.ContentType is null)) return new(absent, null);
        return await ReadAsync<T>(request, cancellationToken);
    }
}
