using System.Buffers;
using System.Security.Cryptography;

namespace Skylight.Core.Uploads;

/// <summary>Ids of upload sessions: 128 random bits as 26 characters of lower-case base32. An id is opaque and no credential.</summary>
public static class UploadId
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const string ContainerPrefix = "up-";
    private const int Length = 26;
    private static readonly SearchValues<char> Letters = SearchValues.Create(Alphabet);

    public static string New() => RandomNumberGenerator.GetString(Alphabet, Length);

    public static bool IsValid(string? id) => id is { Length: Length } && !id.AsSpan().ContainsAnyExcept(Letters);

    /// <summary>The session's container in the ingress store.</summary>
    public static string Container(string id) => ContainerPrefix + id;

    /// <summary>The session of a container; null for any other name.</summary>
    public static string? OfContainer(string? container) =>
        container is not null && container.StartsWith(ContainerPrefix, StringComparison.Ordinal) && IsValid(container[ContainerPrefix.Length..])
            ? container[ContainerPrefix.Length..]
            : null;
}
