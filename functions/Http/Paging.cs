using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Http;

/// <summary>The query parameters of lists: <c>limit</c> (1 to 500, 100 by default) and <c>next</c>, the continuation of the page before.</summary>
internal readonly record struct Paging(int Limit, string? Next)
{
    public static Paging Of(HttpRequest request) => new(
        int.TryParse(request.Query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? Math.Clamp(limit, 1, 500) : 100,
        request.Query["next"] is [{ Length: > 0 and <= 200 } next] ? next : null);

    /// <summary>The query parameter <c>status</c>: <paramref name="otherwise"/> where none is given, null where there is none of that name.</summary>
    public static T? StatusOf<T>(HttpRequest request, T otherwise) where T : struct, Enum =>
        request.Query["status"] is not [{ Length: > 0 } wanted] ? otherwise : Enum.TryParse<T>(wanted, ignoreCase: true, out var status) && Enum.IsDefined(status) ? status : null;
}
