using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Tests.Coding;

/// <summary>A series rewritten compressed: what comes back, what is proven, and what happens when it is not.</summary>
public sealed class SeriesCodingTests : IDisposable
{
    private static readonly PixelShape s_shape = new() { Rows = 64, Columns = 64, SampleBytes = 2, BitsStored = 12, HighBit = 11 };

    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();
    private readonly BrotliPictures _codec = new();
    private readonly Dictionary<string, byte[]> _files = [];

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Compact_WithCoding_ShrinksWhatPaysAndKeepsEveryByte()
    {
        var part = await PartAsync(5, noise: 2);
        var coding = Coding();
        var result = await Compactor(coding).CompactAsync(Make.Folder, _key, [part], default);
        Assert.Equal((5, 2), (coding.Tally.Coded, coding.Tally.Refused));
        Assert.True(coding.Tally.StoredBytes < coding.Tally.Bytes * 0.9);
        foreach (var name in result.Replaced) Assert.True(_store.Objects.TryRemove(name, out _));
        var entries = await EntriesAsync(result);
        Assert.Equal(5, entries.Count(entry => entry.CodedLength > 0));
        Assert.All(entries.Where(entry => entry.CodedLength == 0), entry => Assert.Equal(_codec.Id, entry.CodingTried));
        await SameAsync(entries);

        // A later compaction moves them as they are, and decodes nothing.
        var before = _codec.Decoded;
        var again = await new SeriesCompactor(_store, _key, new PackReader(_store, _key), Make.Small()).CompactAsync(Make.Folder, _key, [Parts(result)], default);
        Assert.Equal(before, _codec.Decoded);
        foreach (var name in again.Replaced) Assert.True(_store.Objects.TryRemove(name, out _));
        await SameAsync(await EntriesAsync(again));
        Assert.Equal(result.Parts[0].Pack.Length, again.Parts[0].Pack.Length);
    }

    [Fact]
    public async Task Compact_WhatWasTriedOrIsCompressed_IsNotTriedAgain()
    {
        var first = await Compactor(Coding()).CompactAsync(Make.Folder, _key, [await PartAsync(2, noise: 1)], default);
        var asked = 0;
        var coding = new SeriesCoding(_codec, (_, _) =>
        {
            asked++;
            return ValueTask.FromResult<PixelRegion?>(null);
        });
        await Compactor(coding).CompactAsync(Make.Folder, _key, [Parts(first)], default);
        Assert.Equal(0, asked);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Compact_CodecThatErrs_IsCaughtByTheProofAndTheOriginalStays(int good)
    {
        var part = await PartAsync(3, noise: 0);
        var objects = _store.Objects.Keys.ToHashSet();
        var coding = Coding();
        _codec.GoodDecodes = good;
        await Assert.ThrowsAsync<CodingProofException>(() => Compactor(coding).CompactAsync(Make.Folder, _key, [part], default));
        foreach (var name in _store.Objects.Keys) if (!objects.Contains(name)) _store.Objects.TryRemove(name, out _);
        await SameAsync((await SeriesIndex.ReadAsync(_store, part.Index, _key, default)).Entries);

        // With the same settings again, what did not come back stays as it is.
        _codec.GoodDecodes = int.MaxValue;
        var result = await Compactor(coding).CompactAsync(Make.Folder, _key, [part], default);
        Assert.Equal((good / 2, 3 - (good / 2)), (coding.Tally.Coded, coding.Tally.Refused));
        if (good == 0) Assert.Empty(result.Parts);
        else await SameAsync(await EntriesAsync(result));
    }

    [Fact]
    public async Task Compact_StreamThatDoesNotDecode_IsCaughtByTheProof()
    {
        var part = await PartAsync(1, noise: 0);
        _codec.Refuses = true;
        await Assert.ThrowsAsync<CodingProofException>(() => Compactor(Coding()).CompactAsync(Make.Folder, _key, [part], default));
        await SameAsync((await SeriesIndex.ReadAsync(_store, part.Index, _key, default)).Entries);
    }

    [Fact]
    public async Task Compact_CompressedEntryThatNamesAnotherInstance_IsRefused()
    {
        var result = await Compactor(Coding()).CompactAsync(Make.Folder, _key, [await PartAsync(2, noise: 0)], default);
        var entries = await EntriesAsync(result);
        var (reference, wrong) = new SeriesIndex([entries[0] with { Offset = entries[1].Offset, CodedLength = entries[1].CodedLength }]).Seal(Make.Folder, _key, Make.Small());
        using (wrong) await wrong.StoreAsync(_store, default);
        await Assert.ThrowsAsync<SealedObjectException>(() => Compactor(null).CompactAsync(Make.Folder, _key, [Parts(result) with { Index = reference.Name }], default));
    }

    private SeriesCoding Coding() => new(_codec, (_, _) => ValueTask.FromResult<PixelRegion?>(new PixelRegion(300, 2, s_shape)));

    private SeriesCompactor Compactor(SeriesCoding? coding) => new(_store, _key, Reader(), Make.Small()) { Coding = coding };

    private PackReader Reader() => new(_store, _key, new PictureCodecs([_codec]));

    private static SeriesParts Parts(CompactionResult result) => new(Assert.Single(result.Parts).Index.Name, result.Parts[0].Metadata.Name);

    private async Task<IReadOnlyList<IndexEntry>> EntriesAsync(CompactionResult result) => (await SeriesIndex.ReadAsync(_store, Parts(result).Index, _key, default)).Entries;

    private async Task SameAsync(IEnumerable<IndexEntry> entries)
    {
        foreach (var entry in entries)
        {
            var bytes = new byte[entry.Length];
            await Reader().ReadAsync(entry, 0, bytes, default);
            Assert.Equal(_files[entry.SopInstanceUid], bytes);
        }
    }

    private async Task<SeriesParts> PartAsync(int smooth, int noise)
    {
        await using var pack = PackWriter.Create(_store, Make.Folder, _key, Make.Small(), keepBytes: 0);
        var metadata = new SeriesMetadataBuilder();
        var entries = new List<IndexEntry>();
        for (var i = 0; i < smooth + noise; i++)
        {
            var uid = FormattableString.Invariant($"1.2.{i}");
            var file = _files[uid] = i < smooth ? Pixels.File(new Random(i), s_shape, 2, 300, 1, Pixels.Junk.None) : Make.Bytes(301 + (2 * s_shape.FrameBytes), i + 1);
            entries.Add(new IndexEntry
            {
                SopInstanceUid = uid, SopClassUid = "1.2.840.10008.5.1.4.1.1.2", TransferSyntaxUid = "1.2.840.10008.1.2.1", Pack = new SealedReference("", 0), Offset = pack.Position,
                Length = file.Length, FileSha256 = SHA256.HashData(file), DatasetDigest = [], Revision = 1, Current = true, Frames = 2,
            });
            await pack.AppendAsync(file, default);
            metadata.Add(new MetadataKey(uid, 1), Encoding.UTF8.GetBytes("{}"));
        }

        var (reference, _) = await pack.CommitAsync(default);
        var index = new SeriesIndex([.. entries.Select(entry => entry with { Pack = reference })]).Seal(Make.Folder, _key, Make.Small());
        using (index.Object) await index.Object.StoreAsync(_store, default);
        var documents = metadata.Seal(Make.Folder, _key, Make.Small());
        using (documents.Object) await documents.Object.StoreAsync(_store, default);
        return new SeriesParts(index.Reference.Name, documents.Reference.Name);
    }
}
