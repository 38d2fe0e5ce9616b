using Skylight.Archive.Keys;

namespace Skylight.Archive.Sealing;

/// <summary>Names a sealed object and says how long its plaintext is; what study documents and indexes keep of a pack, index or metadata object.</summary>
/// <param name="Name"><c>{institution}/{studyKey}/{id}.{kind}</c>, where the id is made from the object's own header.</param>
/// <param name="Length">Plaintext bytes. A reader trusts it no further than the last segment's authentication.</param>
public sealed record SealedReference(string Name, long Length);

/// <summary>How new objects are sealed.</summary>
public sealed record SealOptions
{
    /// <summary>AES-256-GCM and 128 KiB segments.</summary>
    public static SealOptions Default { get; } = new();

    /// <summary>Null: what the institution of the key has chosen (<see cref="DataKey.Cipher"/>).</summary>
    public SealAlgorithm? Algorithm { get; init; }

    /// <summary>
    /// Plaintext bytes a segment: a power of two from 4 KiB to 1 MiB. 128 KiB keeps the cost of touching one small instance low (a ranged read
    /// decrypts whole segments) while the cipher still runs at its full speed.
    /// </summary>
    public int SegmentBytes { get; init; } = 128 * 1024;

    /// <summary>Replaced by tests that watch which keys and nonces are used.</summary>
    internal Func<SealAlgorithm, ReadOnlySpan<byte>, SegmentCipher> Cipher { get; init; } = SegmentCipher.Create;

    internal SealedHeader NewHeader(SealedType type, DataKey key)
    {
        if (SegmentBytes is < 4096 or > SealedHeader.MaxSegmentBytes || !System.Numerics.BitOperations.IsPow2(SegmentBytes))
            throw new InvalidOperationException("SegmentBytes must be a power of two from 4 KiB to 1 MiB.");
        return new SealedHeader(type, Algorithm ?? key.Cipher, SegmentBytes, key.Id, ObjectId.Create());
    }
}
