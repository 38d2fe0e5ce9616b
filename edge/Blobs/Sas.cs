using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Skylight.Edge.Blobs;

/// <summary>What a valid SAS allows on the resource it was presented for. <paramref name="Policy"/> is checked again when a write commits.</summary>
internal sealed record SasGrant(string Permissions, string? Policy)
{
    public bool Allows(char permission) => Permissions.Contains(permission, StringComparison.Ordinal);
}

/// <summary>
/// Checks a service SAS as the Blob service does: the string-to-sign of the versions 2018-11-09 and later, then stored access policy, time,
/// address, protocol and resource. The signature comes first, so that nothing is told to whoever has no valid one.
/// </summary>
internal sealed class SasValidator(string account, byte[] key, TimeProvider time)
{
    private static readonly string[] AccountOrDelegated = ["ss", "srt", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "sdd"];

    /// <param name="policyOf">The current stored access policy id of a container; null when it has none.</param>
    public SasGrant Validate(BlobAddress address, IPAddress? client, bool https, Func<string, string?> policyOf)
    {
        if (address.Get("sig") is not { Length: > 0 } signature) throw Refused(BlobError.NoAuthentication);
        if (AccountOrDelegated.Any(address.Query.ContainsKey)) throw Refused(BlobError.AuthenticationFailed);
        var version = address.Get("sv") ?? "";
        var resource = address.Get("sr") ?? "";
        if (string.CompareOrdinal(version, "2018-11-09") < 0 || version.Length != 10) throw Refused(BlobError.AuthenticationFailed);
        if (resource is not ("c" or "b")) throw Refused(BlobError.AuthenticationFailed);
        if (resource == "b" && address.Blob is null) throw Refused(BlobError.AuthenticationFailed);
        Span<byte> expected = stackalloc byte[32];
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(StringToSign(address, version, resource)), expected);
        Span<byte> given = stackalloc byte[32];
        // A space is a '+' that the client did not encode.
        if (!Convert.TryFromBase64String(signature.Replace(' ', '+'), given, out var length) || length != 32 || !CryptographicOperations.FixedTimeEquals(expected, given))
            throw Refused(BlobError.AuthenticationFailed);

        var policy = address.Get("si");
        if (policy is not null && policyOf(address.Container) != policy) throw Refused(BlobError.AuthenticationFailed);
        var now = time.GetUtcNow();
        if (address.Get("st") is { } start && (ParseTime(start) is not { } from || now < from)) throw Refused(BlobError.AuthenticationFailed);
        if (ParseTime(address.Get("se")) is not { } until || now >= until) throw Refused(BlobError.AuthenticationFailed);
        if (address.Get("sip") is { } range && !InRange(range, client)) throw Refused(BlobError.SourceIpMismatch);
        if (address.Get("spr") is { } protocol && !(protocol == "https,http" || (protocol == "https" && https))) throw Refused(BlobError.ProtocolMismatch);
        return new SasGrant(address.Get("sp") ?? "", policy);
    }

    private string StringToSign(BlobAddress address, string version, string resource)
    {
        var canonical = resource == "c" ? $"/blob/{account}/{address.Container}" : $"/blob/{account}/{address.Container}/{address.Blob}";
        string?[] head =
        [
            address.Get("sp"), address.Get("st"), address.Get("se"), canonical, address.Get("si"), address.Get("sip"), address.Get("spr"), version, resource,
            address.Get("snapshot"),
        ];
        string?[] scope = string.CompareOrdinal(version, "2020-12-06") >= 0 ? [address.Get("ses")] : [];
        string?[] overrides = [address.Get("rscc"), address.Get("rscd"), address.Get("rsce"), address.Get("rscl"), address.Get("rsct")];
        return string.Join('\n', head.Concat(scope).Concat(overrides).Select(v => v ?? ""));
    }

    private static DateTimeOffset? ParseTime(string? text) =>
        DateTimeOffset.TryParseExact(
            text,
            ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"],
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time)
            ? time
            : null;

    private static bool InRange(string range, IPAddress? client)
    {
        if (client is null) return false;
        if (client.IsIPv4MappedToIPv6) client = client.MapToIPv4();
        var dash = range.IndexOf('-', StringComparison.Ordinal);
        if (!IPAddress.TryParse(dash < 0 ? range : range[..dash], out var low)) return false;
        if (!IPAddress.TryParse(dash < 0 ? range : range[(dash + 1)..], out var high)) return false;
        if (low.AddressFamily != client.AddressFamily || high.AddressFamily != client.AddressFamily) return false;
        var address = client.GetAddressBytes().AsSpan();
        return low.GetAddressBytes().AsSpan().SequenceCompareTo(address) <= 0 && address.SequenceCompareTo(high.GetAddressBytes()) <= 0;
    }

    private static BlobErrorException Refused(BlobError error) => new(error);
}
