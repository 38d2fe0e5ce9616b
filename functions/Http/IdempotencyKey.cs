using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Http;

/// <summary>The <c>Idempotency-Key</c> header of a POST: 1 to 200 printable characters, or null.</summary>
internal static class IdempotencyKey
{
    public static string? Of(HttpRequest request) =>
        request.Headers["Idempotency-Key"] is [{ Length: > 0 and <= 200 } key] && key.All(c => c is > ' ' and < (char)127) ? key : null;

    /// <summary>Id of what a POST makes, the same whenever the account repeats it at this address under its key; null without a key. 32 hexadecimal digits.</summary>
    public static string? IdOf(HttpRequest request, string account) =>
        Of(request) is { } key ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{account}\n{request.Path}\n{key}")).AsSpan(0, 16)) : null;
}
