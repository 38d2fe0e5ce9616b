using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Skylight.Functions.Identity;

/// <summary>Where a sign-in comes from, for the throttle.</summary>
internal static class ClientAddress
{
    /// <param name="hops">Trusted proxies: the entry that the outermost of them appended counts; what stands before it is the client's own text.</param>
    public static string Of(HttpRequest request, int hops)
    {
        var address = request.HttpContext.Connection.RemoteIpAddress;
        if (hops > 0)
        {
            var entries = request.Headers["X-Forwarded-For"].ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (entries.Length >= hops && (IPEndPoint.TryParse(entries[^hops], out var end) ? end.Address : null) is { } forwarded) address = forwarded;
        }

        if (address is null) return "unknown";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();

        // One household or ward has a whole IPv6 /64.
        return address.AddressFamily == AddressFamily.InterNetworkV6 ? Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8)) : address.ToString();
    }
}
