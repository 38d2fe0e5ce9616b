using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using Skylight.Archive.Keys;

namespace Skylight.Archive.Sealing;

/// <summary>What a sealed object holds. The number is part of the format and of the key derivation.</summary>
public enum SealedType : ushort
{
    Pack = 1,
    Index = 2,
    Metadata = 3,
    Preview = 4,
    Staged = 5,
    Journal = 6,
    Manifest = 7,
    Corrections = 8,
}

/// <summary>The cipher of a sealed object's segments. The number is part of the format and of the key derivation.</summary>
public enum SealAlgorithm : ushort
{
    /// <summary>AES-256-GCM, 96-bit nonce, 128-bit tag (NIST SP 800-38D).</summary>
    Aes256Gcm = 1,

    /// <summary>SM4-GCM, 96-bit nonce, 128-bit tag (GB/T 32907, RFC 8998).</summary>
    Sm4Gcm = 2,
}

/// <summary>256 random bits, fresh for every write attempt: the salt of the object's key, and the source of its name.</summary>
public readonly record struct ObjectId
{
    /// <summary>Bytes of an object id.</summary>
    public const int Size = 32;

    private readonly UInt128 _high;
    private readonly UInt128 _low;

    public ObjectId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException("An object id has 32 bytes.", nameof(bytes));
        _high = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        _low = BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]);
    }

    /// <summary>A fresh id from the system's generator.</summary>
    public static ObjectId Create()
    {
        Span<byte> bytes = stackalloc byte[Size];
        RandomNumberGenerator.Fill(bytes);
        return new ObjectId(bytes);
    }

    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt128BigEndian(destination[16..], _low);
    }

    /// <summary>The first 160 bits in base32 (32 characters): the object's name within its study.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Base32.Encode(bytes[..20]);
    }
}

/// <summary>The first 72 bytes of every sealed object, in clear, bound to each segment through their SHA-256.</summary>
/// <param name="SegmentBytes">Plaintext bytes of every segment but the last: a power of two from 4 KiB to 1 MiB.</param>
public sealed record SealedHeader(SealedType Type, SealAlgorithm Algorithm, int SegmentBytes, KeyId KeyId, ObjectId ObjectId)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 72;

    /// <summary>Bytes of a segment's authentication tag, which follows its ciphertext.</summary>
    public const int TagBytes = 16;

    /// <summary>The format that is written; readers accept it and the one before it (there is none yet).</summary>
    public const ushort Version = 1;

    /// <summary>The largest segment.</summary>
    public const int MaxSegmentBytes = 1 << 20;

    internal static ReadOnlySpan<byte> Magic => "SKYLSEAL"u8;

    /// <summary>The size of the sealed object that holds <paramref name="plaintextLength"/> bytes.</summary>
    public long SealedLength(long plaintextLength) => SealedLength(plaintextLength, SegmentBytes);

    /// <summary>Segments of an object of that plaintext length; an empty object has one, empty, last segment.</summary>
    public long SegmentCount(long plaintextLength) => SegmentCount(plaintextLength, SegmentBytes);

    /// <summary>The size of a sealed object whose header is not at hand.</summary>
    public static long SealedLength(long plaintextLength, int segmentBytes) => Size + plaintextLength + (SegmentCount(plaintextLength, segmentBytes) * TagBytes);

    private static long SegmentCount(long plaintextLength, int segmentBytes) => Math.Max(1, (plaintextLength + segmentBytes - 1) / segmentBytes);

    /// <summary>The plaintext length of a sealed object of that size, or null when no object has that size.</summary>
    public long? PlaintextLength(long sealedLength)
    {
        var body = sealedLength - Size;
        var segments = (body + SegmentBytes + TagBytes - 1) / (SegmentBytes + TagBytes);
        var length = body - (segments * TagBytes);
        return body >= TagBytes && length >= 0 && SegmentCount(length) == segments ? length : null;
    }

    internal void Write(Span<byte> destination)
    {
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[8..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[10..], (ushort)Type);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[12..], (ushort)Algorithm);
        destination[14] = (byte)BitOperations.Log2((uint)SegmentBytes);
        destination[15] = 0;
        KeyId.CopyTo(destination[16..]);
        ObjectId.CopyTo(destination[32..]);
        destination[64..Size].Clear();
    }

    public static SealedHeader Parse(string name, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Size) throw new SealedObjectException(name, SealedObjectException.Header, SealedFault.Truncated);
        if (!bytes[..8].SequenceEqual(Magic)) throw new SealedObjectException(name, SealedObjectException.Header, SealedFault.NotSealed);
        if (BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]) != Version) throw new SealedObjectException(name, SealedObjectException.Header, SealedFault.UnsupportedVersion);
        var type = (SealedType)BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        var algorithm = (SealAlgorithm)BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
        if (!Enum.IsDefined(algorithm)) throw new SealedObjectException(name, SealedObjectException.Header, SealedFault.UnknownAlgorithm);
        if (!Enum.IsDefined(type) || bytes[14] is < 12 or > 20 || bytes[15] != 0 || bytes[64..Size].ContainsAnyExcept((byte)0))
            throw new SealedObjectException(name, SealedObjectException.Header, SealedFault.BadHeader);
        return new SealedHeader(type, algorithm, 1 << bytes[14], new KeyId(bytes.Slice(16, KeyId.Size)), new ObjectId(bytes.Slice(32, ObjectId.Size)));
    }
}
