using System.Buffers.Binary;
using System.Security.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;

namespace Skylight.Archive.Sealing;

/// <summary>An authenticated cipher under one object's key. Not for concurrent use.</summary>
internal abstract class SegmentCipher : IDisposable
{
    public const int NonceBytes = 12;

    public static SegmentCipher Create(SealAlgorithm algorithm, ReadOnlySpan<byte> key) => algorithm switch
    {
        SealAlgorithm.Aes256Gcm => new AesSegmentCipher(key),
        SealAlgorithm.Sm4Gcm => new Sm4SegmentCipher(key),
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm)),
    };

    /// <summary>Key bytes the algorithm takes.</summary>
    public static int KeyBytes(SealAlgorithm algorithm) => algorithm == SealAlgorithm.Sm4Gcm ? 16 : 32;

    public abstract void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag);

    /// <summary>False when the tag does not match; then nothing of the plaintext is left in <paramref name="plaintext"/>.</summary>
    public abstract bool Open(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext);

    public abstract void Dispose();
}

internal sealed class AesSegmentCipher(ReadOnlySpan<byte> key) : SegmentCipher
{
    private readonly AesGcm _gcm = new(key, SealedHeader.TagBytes);

    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag) =>
        _gcm.Encrypt(nonce, plaintext, ciphertext, tag, associated);

    public override bool Open(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext)
    {
        try
        {
            _gcm.Decrypt(nonce, ciphertext, tag, plaintext, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public override void Dispose() => _gcm.Dispose();
}

/// <summary>SM4-GCM by BouncyCastle: correct, not fast; .NET and its OpenSSL binding offer no SM4.</summary>
internal sealed class Sm4SegmentCipher : SegmentCipher
{
    private readonly KeyParameter _key;

    public Sm4SegmentCipher(ReadOnlySpan<byte> key) => _key = new KeyParameter(key.ToArray());

    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag)
    {
        var output = Run(true, nonce, associated, [plaintext.ToArray()]);
        output.AsSpan(0, plaintext.Length).CopyTo(ciphertext);
        output.AsSpan(plaintext.Length, SealedHeader.TagBytes).CopyTo(tag);
    }

    public override bool Open(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext)
    {
        try
        {
            var output = Run(false, nonce, associated, [ciphertext.ToArray(), tag.ToArray()]);
            output.AsSpan(0, ciphertext.Length).CopyTo(plaintext);
            CryptographicOperations.ZeroMemory(output);
            return true;
        }
        catch (InvalidCipherTextException)
        {
            return false;
        }
    }

    /// <summary>Nothing to release: the library keeps a copy of the key that cannot be cleared.</summary>
    public override void Dispose()
    {
    }

    private byte[] Run(bool seal, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, byte[][] inputs)
    {
        var cipher = new GcmBlockCipher(new SM4Engine());
        cipher.Init(seal, new AeadParameters(_key, SealedHeader.TagBytes * 8, nonce.ToArray(), associated.ToArray()));
        var output = new byte[cipher.GetOutputSize(inputs.Sum(input => input.Length))];
        var length = 0;
        foreach (var input in inputs) length += cipher.ProcessBytes(input, 0, input.Length, output, length);
        cipher.DoFinal(output, length);
        return output;
    }
}

/// <summary>The nonce and associated data of a header's segments: counter, and SHA-256(header) + segment number + last flag.</summary>
internal sealed class SegmentBinding
{
    private readonly byte[] _associated;
    private readonly byte[] _nonce;

    public SegmentBinding(SealedHeader header)
    {
        Span<byte> bytes = stackalloc byte[SealedHeader.Size];
        header.Write(bytes);
        _associated = new byte[SHA256.HashSizeInBytes + 9];
        _nonce = new byte[SegmentCipher.NonceBytes];
        SHA256.HashData(bytes, _associated);
    }

    public ReadOnlySpan<byte> Nonce => _nonce;

    public ReadOnlySpan<byte> Associated => _associated;

    public void Set(long segment, bool last)
    {
        BinaryPrimitives.WriteInt64BigEndian(_nonce.AsSpan(4), segment);
        BinaryPrimitives.WriteInt64BigEndian(_associated.AsSpan(SHA256.HashSizeInBytes), segment);
        _associated[^1] = last ? (byte)1 : (byte)0;
    }
}
