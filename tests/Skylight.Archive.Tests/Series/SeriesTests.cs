using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Skylight.Archive.Keys;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Tests.Series;

public sealed class SeriesTests : IDisposable
{
    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();

    public void Dispose() => _key.Dispose();

    [Fact]
    public void Index_WriteThenParse_KeepsEveryField()
    {
        var entries = Gen.Zip(Gen.Choose(int.MinValue, int.MaxValue), Gen.Choose(0, 70_000)).Select(pair => Random(pair.Item1, pair.Item2)).ListOf().ToArbitrary();
        Prop.ForAll(entries, list =>
        {
            var parsed = SeriesIndex.Parse("x", new SeriesIndex([.. list]).ToBytes());
            return list.Select(Text).SequenceEqual(parsed.Entries.Select(Text));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Index_UnknownFieldsOfALaterWriter_ArePassedOver()
    {
        var index = new SeriesIndex([Entry("1.2.3", 1)]);
        var inner = new WireWriter();
        var entry = new WireWriter();
        entry.Field(1, "1.2.3");
        entry.Field(99, 7);
        entry.Field(1000, "later"u8);
        entry.Field(13, 1);
        inner.Number(1);
        inner.Text(index.Entries[0].Pack.Name);
        inner.Number(5);
        inner.Number(1);
        inner.Bytes(entry.Written);
        var outer = new WireWriter();
        outer.Byte(SeriesIndex.Version);
        outer.Block(inner.Written);
        var parsed = Assert.Single(SeriesIndex.Parse("x", outer.Written).Entries);
        Assert.Equal(("1.2.3", 1, 5L), (parsed.SopInstanceUid, parsed.Revision, parsed.Pack.Length));
    }

    [Fact]
    public void Index_OfARewriting_KeepsWhatItSays()
    {
        var rewriting = new SeriesRewriting(77, PartPlace.Of([Entry("1.2.3", 1) with { Commit = 258 }]).Behind(3), true, ["a.index", "b.index"]);
        var parsed = SeriesIndex.Parse("x", new SeriesIndex([Entry("1.2.3", 1)]) { Rewriting = rewriting }.ToBytes()).Rewriting!;
        Assert.Equal((77UL, "000000000000010200000003", true), (parsed.Id, parsed.Place.ToString(), parsed.IsLast));
        Assert.Equal(rewriting.Replaces, parsed.Replaces);
        Assert.Null(SeriesIndex.Parse("x", new SeriesIndex([Entry("1.2.3", 1)]).ToBytes()).Rewriting);
    }

    [Fact]
    public void Place_OfWhatIsRewrittenAgainAndAgain_StaysBetweenItsNeighbours()
    {
        var (first, second) = (Of(IndexEntry.CommitOf(7, 1)), Of(IndexEntry.CommitOf(7, 2)));
        var pieces = Enumerable.Range(0, 300).Select(first.Behind).ToList();
        var again = Enumerable.Range(0, 300).Select(pieces[^1].Behind).ToList();
        PartPlace[] all = [first, .. pieces, .. again, second, Of(IndexEntry.CommitOf(8, 0)), Of(IndexEntry.CommitOf(8, IndexEntry.MostPlaces)), Of(IndexEntry.CommitOf(9, 0))];
        Assert.Equal(all, all.Reverse().Order());
        static PartPlace Of(ulong commit) => PartPlace.Of([Entry("1.2.3", 1) with { Commit = commit }]);
    }

    [Fact]
    public void Commit_OfMorePartsThanHavePlaces_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => IndexEntry.CommitOf(7, IndexEntry.MostPlaces + 1));

    [Fact]
    public void Index_CutOrOfALaterVersion_IsRefused()
    {
        var bytes = new SeriesIndex([Entry("1.2.3", 1), Entry("1.2.4", 1)]).ToBytes();
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Equal(SealedFault.BadContent, Assert.Throws<SealedObjectException>(() => SeriesIndex.Parse("x", cut)).Fault);
        }

        bytes[0] = SeriesIndex.Version + 1;
        Assert.Throws<SealedObjectException>(() => SeriesIndex.Parse("x", bytes));
    }

    [Fact]
    public void Index_WithCompressedEntries_HasAVersionThatOlderReadersRefuse()
    {
        var plain = new SeriesIndex([Entry("1.2.3", 1) with { CodingTried = 2 }]);
        Assert.Equal(1, plain.ToBytes()[0]);
        Assert.Equal(Text(plain.Entries[0]), Text(SeriesIndex.Parse("x", plain.ToBytes()).Entries[0]));
        var coded = new SeriesIndex([Entry("1.2.3", 1), Entry("1.2.4", 1) with { CodedLength = 4 }]);
        Assert.Equal(2, coded.ToBytes()[0]);
        var read = SeriesIndex.Parse("x", coded.ToBytes()).Entries;
        Assert.Equal((10, 4), (read[0].StoredLength, read[1].StoredLength));
    }

    [Fact]
    public void Merge_NewRevisionReplacementAndDeletion_LastWordWins()
    {
        SeriesIndex[] deltas =
        [
            new([Entry("1", 1), Entry("2", 1), Entry("3", 1)]),
            new([Entry("1", 2), Entry("2", 2, current: false)]),
            new([Entry("3", 1, current: false) with { State = EntryState.Deleted }]),
        ];
        var merged = SeriesIndex.Merge(deltas);
        Assert.Equal(
            ["1/1/False/Stored", "2/1/True/Stored", "3/1/False/Deleted", "1/2/True/Stored", "2/2/False/Stored"],
            merged.Entries.Select(entry => $"{entry.SopInstanceUid}/{entry.Revision}/{entry.Current}/{entry.State}"));
        Assert.Equal(["2/1", "1/2"], merged.Served.Select(entry => $"{entry.SopInstanceUid}/{entry.Revision}"));
    }

    [Fact]
    public void Metadata_AnyDocuments_ComeBackOneByOneAndTogether()
    {
        Prop.ForAll(Gen.Choose(0, 40_000).ListOf().Where(list => list.Count < 30).ToArbitrary(), lengths =>
        {
            var documents = lengths.Select((length, i) => (Key: new MetadataKey($"1.2.{i}", 1), Json: Json(i, length))).ToArray();
            var metadata = Build(documents);
            foreach (var (key, json) in documents)
            {
                var one = new ArrayBufferWriter<byte>();
                Assert.True(metadata.TryWrite(key, one));
                Assert.Equal(json, Encoding.UTF8.GetString(one.WrittenSpan));
            }

            return All(metadata, null) == string.Join(',', documents.Select(document => document.Json)) && metadata.Count == documents.Length;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Metadata_Selection_LeavesOutTheRest()
    {
        var documents = Enumerable.Range(0, 100).Select(i => (Key: new MetadataKey($"1.2.{i}", 1 + (i % 2)), Json: Json(i, 3000))).ToArray();
        var metadata = Build(documents);
        Assert.Equal(string.Join(',', documents.Where(d => d.Key.Revision == 2).Select(d => d.Json)), All(metadata, key => key.Revision == 2));
        Assert.Equal("", All(metadata, _ => false));
        Assert.False(metadata.TryWrite(new MetadataKey("1.2.0", 9), new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public void Metadata_Cut_IsRefused()
    {
        var builder = new SeriesMetadataBuilder();
        builder.Add(new MetadataKey("1.2", 1), Encoding.UTF8.GetBytes(Json(1, 500)));
        var bytes = builder.ToBytes();
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Throws<SealedObjectException>(() => SeriesMetadata.Parse("x", cut));
        }
    }

    [Fact]
    public async Task Compact_ManySmallParts_KeepsEveryLiveInstanceAndItsMetadata()
    {
        var packs = new PackReader(_store, _key);
        var parts = new List<SeriesParts>();
        var files = new Dictionary<(string, int), byte[]>();
        for (var i = 0; i < 12; i++) parts.Add(await PartAsync(files, [(i.ToString(System.Globalization.CultureInfo.InvariantCulture), 1, 3000 + (i * 700))]));
        parts.Add(await PartAsync(files, [("3", 2, 5000), ("4", 2, 100)]));
        parts.Add(await DeletionAsync(parts[5]));
        var compactor = new SeriesCompactor(_store, _key, packs, Make.Small()) { PackBytes = 30_000 };
        var result = await compactor.CompactAsync(Make.Folder, _key, parts, default);
        Assert.InRange(result.Parts.Count, 2, 4);
        Assert.Equal(1, result.Dropped);
        foreach (var name in result.Replaced) Assert.True(_store.Objects.TryRemove(name, out _), name);

        var merged = SeriesIndex.Merge(await Task.WhenAll(result.Parts.Select(async part => await SeriesIndex.ReadAsync(_store, part.Index.Name, _key, default))));
        Assert.Equal(files.Count - 1, merged.Entries.Count);
        Assert.Equal(11, merged.Served.Count());
        Assert.Equal(2, merged.Served.Single(entry => entry.SopInstanceUid == "3").Revision);
        foreach (var entry in merged.Entries)
        {
            var bytes = new byte[entry.Length];
            await packs.ReadAsync(entry.Pack, entry.Offset, bytes, default);
            Assert.Equal(files[(entry.SopInstanceUid, entry.Revision)], bytes);
        }

        var documents = new List<MetadataKey>();
        foreach (var part in result.Parts) documents.AddRange((await SeriesMetadata.ReadAsync(_store, part.Metadata.Name, _key, default)).Keys);
        Assert.Equal(merged.Entries.Select(entry => new MetadataKey(entry.SopInstanceUid, entry.Revision)), documents);
        Assert.Equal(result.Parts.Count * 3, _store.Objects.Count);
    }

    [Fact]
    public async Task Compact_InstanceThatIsNotWhatTheIndexSays_IsRefusedAndReplacesNothing()
    {
        var part = await PartAsync([], [("1", 1, 500)]);
        var index = await SeriesIndex.ReadAsync(_store, part.Index, _key, default);
        var (reference, wrong) = new SeriesIndex([index.Entries[0] with { FileSha256 = new byte[32] }]).Seal(Make.Folder, _key, Make.Small());
        using (wrong) await wrong.StoreAsync(_store, default);
        var before = _store.Objects.Count;
        var compactor = new SeriesCompactor(_store, _key, new PackReader(_store, _key), Make.Small());
        await Assert.ThrowsAsync<SealedObjectException>(() => compactor.CompactAsync(Make.Folder, _key, [part with { Index = reference.Name }], default));
        Assert.Equal(before, _store.Objects.Count);
    }

    private static IndexEntry Entry(string uid, int revision, bool current = true) => new()
    {
        SopInstanceUid = uid,
        SopClassUid = "1.2.840.10008.5.1.4.1.1.2",
        TransferSyntaxUid = "1.2.840.10008.1.2.1",
        Pack = new SealedReference("a/b/c.pack", 1000),
        Offset = 0,
        Length = 10,
        FileSha256 = SHA256.HashData(Encoding.UTF8.GetBytes($"{uid}/{revision}")),
        DatasetDigest = [],
        Revision = revision,
        Current = current,
    };

    private static IndexEntry Random(int number, int size) => Entry($"1.2.{(uint)number}", size) with
    {
        Pack = new SealedReference($"a/b/{size % 3}.pack", (long)size << 20),
        Offset = (long)(uint)number << 8,
        Length = (uint)number,
        DatasetOffset = size,
        DatasetDigest = SHA256.HashData([1]),
        PixelDigest = (size % 2 == 0) ? SHA256.HashData([2]) : [],
        PixelDigestKind = (size % 2 == 0) ? "native" : "none",
        FrameTable = Make.Bytes(size % 300),
        Current = (size % 2 == 0),
        Trust = size % 3,
        State = (EntryState)(size % 3),
        ReceivedAt = DateTimeOffset.UnixEpoch.AddMicroseconds((uint)number * 1000L),
        InstanceNumber = (size % 2 == 0) ? number : null,
        Rows = size,
        Columns = size / 2,
        BitsAllocated = size % 64,
        Frames = size % 1000,
        Attributes = Encoding.UTF8.GetBytes("{\"00080018\":{}}"),
    };

    /// <summary>All fields in words, arrays included.</summary>
    private static string Text(IndexEntry entry) => System.Text.Json.JsonSerializer.Serialize(entry);

    private static string Json(int i, int length) => $$"""{"00080018":{"vr":"UI","Value":["1.2.{{i}}"]},"x":"{{new string((char)('a' + (i % 26)), length)}}"}""";

    private static SeriesMetadata Build((MetadataKey Key, string Json)[] documents)
    {
        var builder = new SeriesMetadataBuilder();
        foreach (var (key, json) in documents) builder.Add(key, Encoding.UTF8.GetBytes(json));
        return SeriesMetadata.Parse("x", builder.ToBytes());
    }

    private static string All(SeriesMetadata metadata, Func<MetadataKey, bool>? select)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var first = true;
        metadata.WriteAll(buffer, ref first, select);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private async Task<SeriesParts> PartAsync(Dictionary<(string, int), byte[]> files, (string Uid, int Revision, int Length)[] instances)
    {
        await using var pack = PackWriter.Create(_store, Make.Folder, _key, Make.Small(), keepBytes: 0);
        await pack.AppendAsync(Make.Bytes(123), default);
        var metadata = new SeriesMetadataBuilder();
        var entries = new List<IndexEntry>();
        foreach (var (uid, revision, length) in instances)
        {
            var bytes = files[(uid, revision)] = Make.Bytes(length, length);
            entries.Add(Entry(uid, revision) with { Offset = pack.Position, Length = length, FileSha256 = SHA256.HashData(bytes) });
            await pack.AppendAsync(bytes, default);
            metadata.Add(new MetadataKey(uid, revision), Encoding.UTF8.GetBytes(Json(revision, 100)));
        }

        var (reference, _) = await pack.CommitAsync(default);
        return await StoreAsync(new SeriesIndex([.. entries.Select(entry => entry with { Pack = reference })]), metadata);
    }

    private async Task<SeriesParts> DeletionAsync(SeriesParts part)
    {
        var index = await SeriesIndex.ReadAsync(_store, part.Index, _key, default);
        return await StoreAsync(new SeriesIndex([.. index.Entries.Select(entry => entry with { State = EntryState.Deleted, Current = false })]), new SeriesMetadataBuilder());
    }

    private async Task<SeriesParts> StoreAsync(SeriesIndex index, SeriesMetadataBuilder metadata)
    {
        var (indexReference, indexObject) = index.Seal(Make.Folder, _key, Make.Small());
        var (metadataReference, metadataObject) = metadata.Seal(Make.Folder, _key, Make.Small());
        using (indexObject) await indexObject.StoreAsync(_store, default);
        using (metadataObject) await metadataObject.StoreAsync(_store, default);
        return new SeriesParts(indexReference.Name, metadataReference.Name);
    }
}
