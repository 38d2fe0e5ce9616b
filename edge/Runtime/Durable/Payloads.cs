using System.Text;

namespace Skylight.Edge.Runtime.Durable;

internal static class Payloads
{
    /// <exception cref="PayloadTooLargeException">The UTF-8 form of <paramref name="data"/> is larger than <paramref name="limit"/>.</exception>
    public static void Check(string? data, string what, int limit)
    {
        // Three bytes a UTF-16 unit at most: short payloads need no count.
        if (data is null || data.Length <= limit / 3) return;
        var bytes = Encoding.UTF8.GetByteCount(data);
        if (bytes > limit) throw new PayloadTooLargeException(what, bytes, limit);
    }
}
