using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Http;

/// <summary>The query parameters of lists: <c>limit</c> (1 to 500, 100 by default) and <c>next</c>, the continuation of the page before.</summary>
internal readonly record struct Paging(int Limit, string? Next)
{
    public static Paging Of(HttpRequest request) => new(
        int.TryParse(request.Query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? Math.Clamp(limit, 1, 500) : 100,
        request.Query["next"] is [{ Length: > 0 and <= 200 } next] ? next : null);
}
