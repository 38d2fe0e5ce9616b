using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Skylight.Functions.Http;

/// <summary>The query parameters of lists: <c>limit</c> (1 to 500, 100 by default) and <c>next</c>, which the page before gave.</summary>
/// <remarks>
/// What is given out is the position in the list behind a mark of the list's path and the position: what no page of this list gave is refused, instead of being answered as an empty page. It is no secret,
/// and opens nothing: whoever asks is admitted to the list as for its first page.
/// </remarks>
internal sealed class Paging
{
    private const int MarkBytes = 6;

    private readonly string _path;

    private Paging(string path, int limit, string? next) => (_path, Limit, Next) = (path, limit, next);

    public int Limit { get; }

    /// <summary>The position behind which the page begins; null for the first page.</summary>
    public string? Next { get; }

    /// <summary>Null when <c>next</c> is not what a page of this list gave, or <c>limit</c> out of its range (<see cref="Wrong"/>).</summary>
    public static Paging? Of(HttpRequest request, int most = 500, int usual = 100)
    {
        if (LimitOf(request, most, usual) is not { } limit) return null;
        var path = request.Path.Value ?? "";
        var asked = request.Query["next"];
        if (asked is [] or [null or ""]) return new Paging(path, limit, null);
        return asked is [{ } cursor] && Open(path, cursor) is { } position ? new Paging(path, limit, position) : null;
    }

    /// <summary>Null when it is not a number from 1 to <paramref name="most"/>.</summary>
    public static int? LimitOf(HttpRequest request, int most = 500, int usual = 100) => request.Query["limit"] switch
    {
        [] or [null or ""] => usual,
        [{ } text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit >= 1 && limit <= most => limit,
        _ => null,
    };

    /// <summary>400, naming which of the two parameters cannot be taken.</summary>
    public static Problem Wrong(HttpRequest request, int most = 500) => Problem.WrongParameter(LimitOf(request, most) is null ? "limit" : "next");

    /// <summary>A page as <c>{items, next}</c>.</summary>
    /// <param name="position">Of the last item; null on the last page.</param>
    public IActionResult List<T>(IReadOnlyList<T> items, string? position) =>
        Answer.List(items, position is null ? null : WebEncoders.Base64UrlEncode([.. Mark(_path, position), .. Encoding.UTF8.GetBytes(position)]));

    /// <summary>The query parameter <c>status</c>: <paramref name="otherwise"/> where none is given, null where there is none of that name.</summary>
    public static T? StatusOf<T>(HttpRequest request, T otherwise) where T : struct, Enum =>
        request.Query["status"] is not [{ Length: > 0 } wanted] ? otherwise : Enum.TryParse<T>(wanted, ignoreCase: true, out var status) && Enum.IsDefined(status) ? status : null;

    private static string? Open(string path, string cursor)
    {
        try
        {
            var bytes = WebEncoders.Base64UrlDecode(cursor);
            if (bytes.Length <= MarkBytes) return null;
            var position = Encoding.UTF8.GetString(bytes.AsSpan(MarkBytes));
            return bytes.AsSpan(0, MarkBytes).SequenceEqual(Mark(path, position)) ? position : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static byte[] Mark(string path, string position) => SHA256.HashData(Encoding.UTF8.GetBytes($"{path}\n{position}"))[..MarkBytes];
}
