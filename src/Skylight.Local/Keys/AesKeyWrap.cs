using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Skylight.Local.Keys;

/// <summary>AES key wrap, RFC 3394 (A256KW with a 32-byte key).</summary>
internal static class AesKeyWrap
{
    private const ulong InitialValue = 0xA6A6A6A6A6A6A6A6;

    /// <summary>Wraps a key of a multiple of 8 bytes; the result is 8 bytes longer.</summary>
    public static byte[] Wrap(byte[] wrappingKey, ReadOnlySpan<byte> key)
    {
        if (key.Length < 16 || key.Length % 8 != 0) throw new CryptographicException("The key to wrap must have a multiple of 8 bytes, at least 16.");
        using var aes = Aes.Create();
        aes.Key = wrappingKey;
        var result = new byte[key.Length + 8];
        key.CopyTo(result.AsSpan(8));
        var n = key.Length / 8;
        var a = InitialValue;
        Span<byte> block = stackalloc byte[16];
        for (var t = 1; t <= 6 * n; t++)
        {
            var r = result.AsSpan(8 * (((t - 1) % n) + 1), 8);
            BinaryPrimitives.WriteUInt64BigEndian(block, a);
            r.CopyTo(block[8..]);
            aes.EncryptEcb(block, block, PaddingMode.None);
            a = BinaryPrimitives.ReadUInt64BigEndian(block) ^ (ulong)t;
            block[8..].CopyTo(r);
        }

        BinaryPrimitives.WriteUInt64BigEndian(result, a);
        CryptographicOperations.ZeroMemory(block);
        return result;
    }

    /// <exception cref="CryptographicException">The integrity check fails: another wrapping key, or damaged bytes.</exception>
    public static byte[] Unwrap(byte[] wrappingKey, ReadOnlySpan<byte> wrapped)
    {
        if (wrapped.Length < 24 || wrapped.Length % 8 != 0) throw new CryptographicException("The wrapped key has a length that it cannot have.");
        using var aes = Aes.Create();
        aes.Key = wrappingKey;
        var result = wrapped[8..].ToArray();
        var n = result.Length / 8;
        var a = BinaryPrimitives.ReadUInt64BigEndian(wrapped);
        Span<byte> block = stackalloc byte[16];
        for (var t = 6 * n; t >= 1; t--)
        {
            var r = result.AsSpan(8 * ((t - 1) % n), 8);
            BinaryPrimitives.WriteUInt64BigEndian(block, a ^ (ulong)t);
            r.CopyTo(block[8..]);
            aes.DecryptEcb(block, block, PaddingMode.None);
            a = BinaryPrimitives.ReadUInt64BigEndian(block);
            block[8..].CopyTo(r);
        }

        CryptographicOperations.ZeroMemory(block);
        if (a == InitialValue) return result;
        CryptographicOperations.ZeroMemory(result);
        throw new CryptographicException("The wrapped key does not unwrap: another wrapping key, or damaged bytes.");
    }
}
