using System.Buffers;
using System.Security.Cryptography;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Series;

/// <summary>The objects that one commit, or one compaction, added to a series: names of its index and metadata. Packs are named by the index.</summary>
public sealed record SeriesParts(string Index, string Metadata);

/// <summary>One part that a compaction wrote: a pack with its index and metadata, all durable in the store.</summary>
/// <param name="Count">Entries.</param>
public sealed record CompactedPart(SealedReference Pack, SealedReference Index, SealedReference Metadata, int Count);

/// <summary>What a compaction made of a run of parts.</summary>
/// <param name="Parts">The new parts, in order; they stand for the whole run.</param>
/// <param name="Replaced">Names of the objects that nothing refers to once the study document names the new parts. They should live on for a while, for readers on their way.</param>
/// <param name="Dropped">Deleted revisions that are no longer there.</param>
/// <param name="DroppedBytes">Bytes of those, as received.</param>
/// <param name="Left">So many of the parts, the last ones, name packs that were there before: their instances were left for another time.</param>
public sealed record CompactionResult(IReadOnlyList<CompactedPart> Parts, IReadOnlyList<string> Replaced, int Dropped, long DroppedBytes = 0, int Left = 0);

/// <summary>
/// Merges a run of neighbouring parts of one series into one part, or few: entries in order, instance bytes copied unchanged (and checked against their
/// SHA-256), deleted revisions left out. It writes new objects and touches none of the old; the caller commits the study document, or lets go.
/// </summary>
public sealed class SeriesCompactor(IObjectStore store, IReadKeys keys, PackReader packs, SealOptions options)
{
    private const int CopyBytes = 256 * 1024;

    /// <summary>Instances that lie in more packs in turn than this are copied to the end: each turn would be a part.</summary>
    private const int MostLeft = 16;

    private SeriesRewriting? _rewriting;

    /// <summary>A new part is begun when the pack has grown past this: 512 MiB.</summary>
    public long PackBytes { get; init; } = 512L << 20;

    /// <summary>After so many bytes were copied the instances that follow stay in their packs, under an index of their own. Default: never.</summary>
    public long StopAfterBytes { get; init; } = long.MaxValue;

    /// <summary>What is compressed on the way; null to keep everything as it is. Where that does not pay nothing is written, and the result has no parts and replaces nothing.</summary>
    public SeriesCoding? Coding { get; init; }

    /// <summary>Reads the parts in the given order (that of the study document) and writes the merged ones into <paramref name="folder"/>.</summary>
    /// <param name="whole">
    /// The parts are all that the series has. Otherwise the entries of deleted revisions stay, without bytes: an older part may still have the revision, and would
    /// bring it back.
    /// </param>
    /// <exception cref="SealedObjectException">A part is damaged, or an instance is not what its index says. Nothing was replaced.</exception>
    public async Task<CompactionResult> CompactAsync(string folder, DataKey key, IReadOnlyList<SeriesParts> parts, CancellationToken cancellationToken, bool whole = true)
    {
        Coding?.Begin();
        var indexes = new List<SeriesIndex>(parts.Count);
        foreach (var part in parts) indexes.Add(await SeriesIndex.ReadAsync(store, part.Index, keys, cancellationToken));
        var merged = SeriesIndex.Merge(indexes).Entries;
        var live = merged.Where(entry => entry.State != EntryState.Deleted).ToArray();
        var documents = await DocumentsAsync(parts, cancellationToken);
        var replaced = parts.SelectMany(part => (string[])[part.Index, part.Metadata])
            .Concat(indexes.SelectMany(index => index.Entries).Select(entry => entry.Pack.Name)).Distinct().ToArray();
        var written = new List<CompactedPart>();

        // Of a whole series nothing lies behind but what is committed later: then the place need not tell where the run was, and stays short.
        _rewriting = SeriesRewriting.Begin(whole || indexes.Count == 0 ? PartPlace.Of(merged) : PartPlace.Of(indexes[^1]), parts.Select(part => part.Index));
        var deleted = merged.Where(entry => entry.State == EntryState.Deleted).ToArray();
        var graves = whole ? [] : deleted;
        for (var next = 0; next < live.Length;)
        {
            var begun = next;
            next = await WritePartAsync(folder, key, live, next, graves, documents, written, cancellationToken);
            if (written.Count == 0) return new CompactionResult([], [], 0);
            if (next == live.Length || live[begun..next].Sum(entry => entry.StoredLength) < StopAfterBytes) continue;
            if (await LeaveAsync(folder, key, live[next..], deleted, documents, written.Count, cancellationToken) is { } left)
                return new CompactionResult([.. written, .. left], [.. replaced.Except(left.Select(part => part.Pack.Name))], 0, 0, left.Count);
        }

        if (live.Length == 0 && graves.Length > 0) written.Add(await SealAsync(folder, key, graves[0].Pack, graves, new SeriesMetadataBuilder(), _rewriting.Part(0, isLast: true), cancellationToken));
        return new CompactionResult(written, replaced, deleted.Length - graves.Length, whole ? deleted.Sum(entry => entry.Length) : 0);
    }

    /// <summary>Later parts hold the newer document of the same revision.</summary>
    private async Task<Dictionary<MetadataKey, SeriesMetadata>> DocumentsAsync(IReadOnlyList<SeriesParts> parts, CancellationToken cancellationToken)
    {
        var documents = new Dictionary<MetadataKey, SeriesMetadata>();
        foreach (var part in parts)
        {
            var metadata = await SeriesMetadata.ReadAsync(store, part.Metadata, keys, cancellationToken);
            foreach (var document in metadata.Keys) documents[document] = metadata;
        }

        return documents;
    }

    /// <summary>Writes one part from entry <paramref name="next"/> on; answers the first entry that did not go in.</summary>
    private async Task<int> WritePartAsync(
        string folder, DataKey key, IndexEntry[] entries, int next, IndexEntry[] graves, Dictionary<MetadataKey, SeriesMetadata> documents, List<CompactedPart> written, CancellationToken cancellationToken)
    {
        await using var pack = PackWriter.Create(store, folder, key, options, keepBytes: 0);
        var metadata = new SeriesMetadataBuilder();
        var json = new ArrayBufferWriter<byte>();
        var moved = new List<(IndexEntry Entry, long Offset)>();
        var copied = 0L;
        IndexEntry entry;
        do
        {
            entry = entries[next++];
            var (coded, offset) = await PlaceAsync(entry, pack, cancellationToken);
            moved.Add((coded, offset));
            Add(metadata, entry, documents, json);
        }
        while (next < entries.Length && pack.Position + entries[next].StoredLength <= PackBytes && (copied += entry.StoredLength) < StopAfterBytes);

        // A first pack of which nothing shrinks says enough: it is let go.
        if (Coding is { Any: false } && written.Count == 0) return next;
        var (reference, _) = await pack.CommitAsync(cancellationToken);
        IndexEntry[] index = [.. moved.Select(item => item.Entry with { Pack = reference, Offset = item.Offset })];
        if (Coding is not null) await Coding.ProveAsync(packs, index, cancellationToken);
        written.Add(await SealAsync(folder, key, reference, [.. index, .. next == entries.Length ? graves : []], metadata, _rewriting!.Part(written.Count, next == entries.Length), cancellationToken));
        return next;
    }

    /// <summary>
    /// Parts for instances that stay where they are, one for each pack in turn; null when there would be too many. Deleted revisions stay known by them: their
    /// bytes may lie in these packs still.
    /// </summary>
    private async Task<IReadOnlyList<CompactedPart>?> LeaveAsync(
        string folder, DataKey key, IndexEntry[] entries, IndexEntry[] graves, Dictionary<MetadataKey, SeriesMetadata> documents, int number, CancellationToken cancellationToken)
    {
        var runs = new List<List<IndexEntry>>();
        foreach (var entry in entries)
        {
            if (runs.Count == 0 || runs[^1][0].Pack.Name != entry.Pack.Name) runs.Add([]);
            runs[^1].Add(entry);
            if (runs.Count > MostLeft) return null;
        }

        var left = new List<CompactedPart>();
        var json = new ArrayBufferWriter<byte>();
        foreach (var run in runs)
        {
            var metadata = new SeriesMetadataBuilder();
            foreach (var entry in run) Add(metadata, entry, documents, json);
            left.Add(await SealAsync(
                folder, key, run[0].Pack, [.. run, .. run == runs[^1] ? graves : []], metadata, _rewriting!.Part(number + left.Count, run == runs[^1]), cancellationToken));
        }

        return left;
    }

    private static void Add(SeriesMetadataBuilder metadata, IndexEntry entry, Dictionary<MetadataKey, SeriesMetadata> documents, ArrayBufferWriter<byte> json)
    {
        var document = new MetadataKey(entry.SopInstanceUid, entry.Revision);
        json.ResetWrittenCount();
        if (documents.TryGetValue(document, out var from) && from.TryWrite(document, json)) metadata.Add(document, json.WrittenSpan);
    }

    private async Task<CompactedPart> SealAsync(
        string folder, DataKey key, SealedReference pack, IndexEntry[] entries, SeriesMetadataBuilder metadata, SeriesRewriting rewriting, CancellationToken cancellationToken)
    {
        var documents = metadata.Seal(folder, key, options);
        using (documents.Object) await documents.Object.StoreAsync(store, cancellationToken);
        var index = new SeriesIndex(entries) { Rewriting = rewriting }.Seal(folder, key, options, documents.Reference);
        using (index.Object) await index.Object.StoreAsync(store, cancellationToken);
        return new CompactedPart(pack, index.Reference, documents.Reference, entries.Length);
    }

    /// <summary>Puts an instance into the pack, compressed if it is to be and can be. The entry without its new place, and where it begins.</summary>
    private async Task<(IndexEntry Entry, long Offset)> PlaceAsync(IndexEntry entry, PackWriter pack, CancellationToken cancellationToken)
    {
        if (Coding is not null && await Coding.TryAsync(packs, entry, pack, cancellationToken) is var (tried, offset))
        {
            if (tried.CodedLength > 0) return (tried, offset);
            entry = tried;
        }

        offset = pack.Position;
        await CopyAsync(entry, pack, cancellationToken);
        return (entry, offset);
    }

    private async Task CopyAsync(IndexEntry entry, PackWriter pack, CancellationToken cancellationToken)
    {
        if (entry.CodedLength > 0) await packs.CheckCodedAsync(entry, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(entry.StoredLength, 1, CopyBytes));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            await using var stream = await packs.OpenStreamAsync(entry.Pack, entry.Offset, entry.StoredLength, cancellationToken);
            while (await stream.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                hash.AppendData(buffer, 0, read);
                await pack.AppendAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        // The segments authenticate, so this would be a wrong index: better kept as it is than made permanent. A compressed instance carries its digest itself.
        if (entry.CodedLength == 0 && !hash.GetHashAndReset().AsSpan().SequenceEqual(entry.FileSha256)) throw new SealedObjectException(entry.Pack.Name, 0, SealedFault.BadContent);
    }
}
