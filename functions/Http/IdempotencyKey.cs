using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Http;

/// <summary>The <c>Idempotency-Key</c> header of a POST: 1 to 200 printable characters, or null.</summary>
internal static class IdempotencyKey
{
    public static string? Of(HttpRequest request) =>
        request.Headers["Idempotency-Key"] is [{ Length: > 0 and <= 200 } key] && key.All(c => c is > ' ' and < (char)127) ? key : null;
}
