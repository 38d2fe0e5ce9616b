using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;

namespace Skylight.Archive.Keys;

/// <summary>
/// Names a data key: 128 bits derived from the key one way, so that a key that unwraps to something else is noticed at once. 32 hexadecimal digits.
/// </summary>
public readonly record struct KeyId
{
    /// <summary>Bytes of a key id.</summary>
    public const int Size = 16;

    private readonly UInt128 _value;

    public KeyId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException("A key id has 16 bytes.", nameof(bytes));
        _value = BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private KeyId(UInt128 value) => _value = value;

    /// <summary>The id of a key.</summary>
    public static KeyId Of(ReadOnlySpan<byte> key)
    {
        Span<byte> bytes = stackalloc byte[Size];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, bytes, salt: [], info: "skylight key id"u8);
        return new KeyId(bytes);
    }

    public static bool TryParse([NotNullWhen(true)] string? text, out KeyId id)
    {
        var valid = text is { Length: 32 } && UInt128.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value);
        id = valid ? new KeyId(UInt128.Parse(text!, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)) : default;
        return valid;
    }

    public void CopyTo(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, _value);

    public override string ToString() => _value.ToString("x32", CultureInfo.InvariantCulture);
}
