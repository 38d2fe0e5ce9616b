using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Keys;

/// <summary>
/// A study's key in the clear, for as long as someone holds it: its own pinned copy, zeroed on dispose. Sealed objects never use it directly,
/// only keys derived from it (<see cref="DeriveObjectKey"/>).
/// </summary>
public sealed class DataKey : IReadKeys, IDisposable
{
    /// <summary>Bytes of a data key.</summary>
    public const int Size = 32;

    private readonly byte[] _key;
    private bool _disposed;

    /// <summary>Copies the key; the caller clears its own.</summary>
    public DataKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != Size) throw new ArgumentException("A data key has 32 bytes.", nameof(key));
        _key = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        key.CopyTo(_key);
        Id = KeyId.Of(_key);
    }

    private DataKey(DataKey other)
    {
        _key = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
        other._key.CopyTo(_key, 0);
        Id = other.Id;
    }

    /// <summary>The id that object headers carry.</summary>
    public KeyId Id { get; }

    /// <summary>The cipher for new objects under this key, where whoever seals does not ask for one.</summary>
    public SealAlgorithm Cipher { get; internal set; } = SealAlgorithm.Aes256Gcm;

    /// <summary>A fresh random key.</summary>
    public static DataKey Create()
    {
        Span<byte> bytes = stackalloc byte[Size];
        RandomNumberGenerator.Fill(bytes);
        var key = new DataKey(bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return key;
    }

    /// <summary>HKDF-SHA256(this key, salt = object id, info = "skylight seal 1 {type} {algorithm}"): the key of one object, for one purpose and one cipher.</summary>
    public ObjectKey DeriveObjectKey(SealedHeader header)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Span<byte> salt = stackalloc byte[ObjectId.Size];
        header.ObjectId.CopyTo(salt);
        Span<byte> derived = stackalloc byte[SegmentCipher.KeyBytes(header.Algorithm)];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, derived, salt, Info(header));
        var key = new ObjectKey(derived);
        CryptographicOperations.ZeroMemory(derived);
        return key;
    }

    /// <inheritdoc/>
    ValueTask<ObjectKey> IReadKeys.GetAsync(string name, SealedHeader header, CancellationToken cancellationToken) => header.KeyId == Id
        ? ValueTask.FromResult(DeriveObjectKey(header))
        : throw new KeyUnavailableException(KeyFault.WrongKey, header.KeyId.ToString());

    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_key);
    }

    /// <summary>The key's id; never the key.</summary>
    public override string ToString() => $"key {Id}";

    internal DataKey Copy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new DataKey(this);
    }

    /// <summary>The bytes to wrap, in a buffer that the caller clears.</summary>
    internal byte[] Export()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return (byte[])_key.Clone();
    }

    private static byte[] Info(SealedHeader header) =>
        Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"skylight seal 1 {(ushort)header.Type} {(ushort)header.Algorithm}"));
}

/// <summary>The key of one sealed object; all that a GPU worker's lease is given. Zeroed on dispose.</summary>
public sealed class ObjectKey : IDisposable
{
    private readonly byte[] _key;
    private bool _disposed;

    /// <summary>Copies the key; the caller clears its own.</summary>
    public ObjectKey(ReadOnlySpan<byte> key)
    {
        _key = GC.AllocateUninitializedArray<byte>(key.Length, pinned: true);
        key.CopyTo(_key);
    }

    /// <summary>The key's bytes, valid until dispose. Only for sealing, opening, and handing to a worker over a protected channel.</summary>
    public ReadOnlySpan<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _key;
        }
    }

    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_key);
    }

    public override string ToString() => "object key";
}

/// <summary>Where a reader finds the key of an object it has the header of: the study keys, or a lease's derived keys.</summary>
public interface IReadKeys
{
    /// <summary>The object's own key; the caller disposes it.</summary>
    /// <exception cref="KeyUnavailableException">The key is missing, destroyed, or does not unwrap.</exception>
    ValueTask<ObjectKey> GetAsync(string name, SealedHeader header, CancellationToken cancellationToken);
}
