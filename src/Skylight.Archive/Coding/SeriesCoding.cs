using System.IO.Pipelines;
using System.Security.Cryptography;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Coding;

/// <summary>
/// How the instances of a series are compressed while they are copied: by which codec, and which of them. Nothing of it becomes visible before
/// <see cref="ProveAsync"/> has read the new pack back and made every file again, equal to what was received. For one compaction.
/// </summary>
/// <param name="region">Where the samples of an instance lie; null for one that is to stay as it is.</param>
public sealed class SeriesCoding(IPictureCodec codec, Func<IndexEntry, CancellationToken, ValueTask<PixelRegion?>> region)
{
    private readonly HashSet<string> _unproven = [];
    private readonly HashSet<string> _coded = [];

    public IPictureCodec Codec => codec;

    /// <summary>What the last compaction has compressed.</summary>
    public CodingTally Tally { get; private set; } = CodingTally.None;

    /// <summary>Whether the compaction under way has compressed anything.</summary>
    internal bool Any => _coded.Count > 0 || Tally.Coded > 0;

    /// <summary>Whether an entry may be one to compress, as far as the index tells.</summary>
    public bool MayTry(IndexEntry entry) => entry is { CodedLength: 0, Frames: > 0 } && entry.State != EntryState.Deleted && entry.CodingTried != codec.Id;

    internal void Begin()
    {
        _coded.Clear();
        Tally = CodingTally.None;
    }

    /// <summary>
    /// The entry as compressed into the pack, and where it begins; with <see cref="IndexEntry.CodingTried"/> when it does not pay, nothing of it being named in
    /// the pack then; null when it is not to be tried.
    /// </summary>
    internal async ValueTask<(IndexEntry Entry, long Offset)?> TryAsync(PackReader packs, IndexEntry entry, PackWriter pack, CancellationToken cancellationToken)
    {
        if (!MayTry(entry)) return null;
        if (_unproven.Contains(Identity(entry))) return Refuse(entry);
        if (await region(entry, cancellationToken) is not { } found) return null;
        if (!found.Shape.IsSound || found.Start < 0 || found.Frames < 1 || found.End > entry.Length || entry.FileSha256.Length != SHA256.HashSizeInBytes) return Refuse(entry);
        await using var file = await packs.OpenStreamAsync(entry.Pack, entry.Offset, entry.Length, cancellationToken);
        var length = await new CodedWriter(pack, codec).WriteAsync(entry, file, found, cancellationToken);
        if (length == 0) return Refuse(entry);
        _coded.Add(Identity(entry));
        return (entry with { CodedLength = length, CodingTried = 0 }, pack.Position - length);
    }

    /// <summary>Makes every instance of a durable pack that was compressed just now again, out of the pack, and compares its length and SHA-256.</summary>
    /// <exception cref="CodingProofException">One does not come back. The next compaction with this object keeps those as they are.</exception>
    internal async Task ProveAsync(PackReader packs, IReadOnlyList<IndexEntry> entries, CancellationToken cancellationToken)
    {
        var failed = 0;
        foreach (var entry in entries.Where(entry => entry.CodedLength > 0 && _coded.Remove(Identity(entry))))
        {
            if (await IsEqualAsync(packs, entry, cancellationToken))
            {
                Tally += new CodingTally(1, 0, entry.Length, entry.CodedLength);
                continue;
            }

            _unproven.Add(Identity(entry));
            failed++;
        }

        if (failed > 0) throw new CodingProofException(codec.Name, failed);
    }

    private static async Task<bool> IsEqualAsync(PackReader packs, IndexEntry entry, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = 0L;
        try
        {
            await using var file = await packs.OpenStreamAsync(entry, cancellationToken);
            var buffer = new byte[64 << 10];
            while (await file.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                hash.AppendData(buffer, 0, read);
                length += read;
            }
        }
        catch (SealedObjectException damage) when (damage.Fault == SealedFault.BadContent)
        {
            // The pack is as it was written, and does not decode.
            return false;
        }

        return length == entry.Length && hash.GetHashAndReset().AsSpan().SequenceEqual(entry.FileSha256);
    }

    private (IndexEntry Entry, long Offset)? Refuse(IndexEntry entry)
    {
        Tally += new CodingTally(0, 1, 0, 0);
        return (entry with { CodingTried = codec.Id }, 0);
    }

    private static string Identity(IndexEntry entry) => $"{entry.SopInstanceUid}/{entry.Revision}/{Convert.ToHexString(entry.FileSha256)}";
}

/// <summary>What compressing came to.</summary>
/// <param name="Coded">Instances that are compressed now.</param>
/// <param name="Refused">Instances that stay as they are: they hardly shrink, or do not come back equal.</param>
/// <param name="Bytes">The compressed ones as received.</param>
/// <param name="StoredBytes">The same as they are kept now.</param>
public sealed record CodingTally(int Coded, int Refused, long Bytes, long StoredBytes)
{
    public static CodingTally None { get; } = new(0, 0, 0, 0);

    public static CodingTally operator +(CodingTally one, CodingTally other) =>
        new(one.Coded + other.Coded, one.Refused + other.Refused, one.Bytes + other.Bytes, one.StoredBytes + other.StoredBytes);
}

/// <summary>A compressed instance did not become the file again that was received. The study is as it was.</summary>
public sealed class CodingProofException(string codec, int instances) : IOException(FormattableString.Invariant($"{instances} instances do not come back equal from codec {codec}."));
