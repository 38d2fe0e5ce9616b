using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Core.Audit;

/// <summary>The arithmetic of the trail, the same for every store.</summary>
public static class AuditChain
{
    /// <summary>Purpose of the institution secret that entries are authenticated with.</summary>
    public const string KeyPurpose = "audit-mac";

    /// <summary>The hash before the first entry.</summary>
    public static ReadOnlySpan<byte> Zero => new byte[32];

    public static byte[] Encode(AuditEvent entry) => JsonSerializer.SerializeToUtf8Bytes(entry, DocumentJson.Options);

    public static AuditEvent Decode(ReadOnlySpan<byte> body) =>
        JsonSerializer.Deserialize<AuditEvent>(body, DocumentJson.Options) ?? throw new InvalidDataException("An audit entry is empty.");

    /// <summary>SHA-256(previous hash | length of institution (2, big-endian) | institution | sequence (8, big-endian) | body).</summary>
    public static byte[] Hash(ReadOnlySpan<byte> previous, string institution, long sequence, ReadOnlySpan<byte> body)
    {
        var name = Encoding.UTF8.GetByteCount(institution);
        var length = previous.Length + 2 + name + 8 + body.Length;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        var text = rented.AsSpan(0, length);
        previous.CopyTo(text);
        BinaryPrimitives.WriteUInt16BigEndian(text[previous.Length..], checked((ushort)name));
        Encoding.UTF8.GetBytes(institution, text[(previous.Length + 2)..]);
        BinaryPrimitives.WriteInt64BigEndian(text[(previous.Length + 2 + name)..], sequence);
        body.CopyTo(text[(length - body.Length)..]);
        var hash = SHA256.HashData(text);
        ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }

    public static byte[] Mac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> hash) => HMACSHA256.HashData(key, hash);
}

/// <summary>The head of a chain at some time, authenticated, kept outside the store that it vouches for.</summary>
/// <param name="Hash">Hash of the entry <paramref name="Sequence"/>, lower-case hex.</param>
/// <param name="Mac">HMAC-SHA256 over <c>anchor|institution|sequence|hash</c> under the audit key, lower-case hex.</param>
public sealed record AuditAnchor(int V, string Institution, long Sequence, string Hash, DateTimeOffset At, string Mac)
{
    public static AuditAnchor Of(string institution, long sequence, ReadOnlySpan<byte> hash, DateTimeOffset at, ReadOnlySpan<byte> key)
    {
        var hex = Convert.ToHexStringLower(hash);
        return new(1, institution, sequence, hex, at, Convert.ToHexStringLower(HMACSHA256.HashData(key, Text(institution, sequence, hex))));
    }

    public bool IsGenuine(ReadOnlySpan<byte> key) =>
        CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key, Text(Institution, Sequence, Hash)), FromHex(Mac));

    private static byte[] Text(string institution, long sequence, string hash) => Encoding.UTF8.GetBytes(FormattableString.Invariant($"anchor|{institution}|{sequence}|{hash}"));

    private static byte[] FromHex(string hex)
    {
        var bytes = new byte[32];
        return hex.Length == 64 && Convert.FromHexString(hex, bytes, out _, out _) == System.Buffers.OperationStatus.Done ? bytes : [];
    }
}
