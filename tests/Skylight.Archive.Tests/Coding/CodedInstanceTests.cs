using System.IO.Pipelines;
using System.Security.Cryptography;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Tests.Coding;

public sealed class CodedInstanceTests : IDisposable
{
    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();
    private readonly BrotliPictures _codec = new();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Write_AnyShapeAndJunk_ComesBackByteForByteFromAnyPlace()
    {
        var coded = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var shape = Pixels.Shape(random);
            var (frames, head, tail) = (random.Next(1, 5), random.Next(3000), random.Next(4) == 0 ? random.Next(2000) : random.Next(2));
            var file = Pixels.File(random, shape, frames, head, tail, (Pixels.Junk)random.Next(4));
            var entry = await StoreAsync(file, new PixelRegion(head, frames, shape), before: random.Next(9000));
            if (entry is null) continue;
            coded++;
            await SameAsync(file, entry, random);
        }

        Assert.InRange(coded, 50, 200);
    }

    [Fact]
    public async Task Write_FramesLargerThanAPiece_AreCodedInStrips()
    {
        foreach (var (samples, planar) in ((int, bool)[])[(1, false), (3, false), (3, true)])
        {
            var random = new Random(samples);
            var shape = new PixelShape { Rows = samples == 1 ? 2100 : 900, Columns = 1201, Samples = samples, SampleBytes = 2, BitsStored = 12, HighBit = 11, Planar = planar };
            var file = Pixels.File(random, shape, 2, 700, 3, Pixels.Junk.None);
            var entry = await StoreAsync(file, new PixelRegion(700, 2, shape), before: 5);
            Assert.NotNull(entry);
            _codec.GoodDecodes = int.MaxValue;
            var before = _codec.Decoded;
            var middle = new byte[1000];
            await Reader().ReadAsync(entry, 700 + (shape.FrameBytes / 2), middle, default);
            Assert.True(middle.AsSpan().SequenceEqual(file.AsSpan(700 + (shape.FrameBytes / 2), 1000)));
            Assert.Equal(1, _codec.Decoded - before);
            await SameAsync(file, entry, random);
        }
    }

    [Fact]
    public async Task Read_OneFrame_DecodesOneFrame()
    {
        var shape = new PixelShape { Rows = 64, Columns = 64, SampleBytes = 2, BitsStored = 12, HighBit = 11 };
        var file = Pixels.File(new Random(1), shape, 40, 1500, 0, Pixels.Junk.None);
        var entry = (await StoreAsync(file, new PixelRegion(1500, 40, shape), before: 0))!;
        var before = _codec.Decoded;
        var frame = new byte[shape.FrameBytes];
        await Reader().ReadAsync(entry, 1500 + (17L * shape.FrameBytes), frame, default);
        Assert.True(frame.AsSpan().SequenceEqual(file.AsSpan(1500 + (17 * shape.FrameBytes), shape.FrameBytes)));
        Assert.Equal(1, _codec.Decoded - before);

        // The header alone decodes nothing.
        await using var stream = await Reader().OpenStreamAsync(entry, default);
        Assert.Equal(1500, await stream.ReadAsync(new byte[4096]));
        Assert.Equal(1, _codec.Decoded - before);
    }

    [Fact]
    public async Task Write_Noise_DoesNotPayAndLeavesNothing()
    {
        var shape = new PixelShape { Rows = 100, Columns = 100, SampleBytes = 2, BitsStored = 16, HighBit = 15 };
        var file = Make.Bytes(100 + shape.FrameBytes);
        Assert.Null(await StoreAsync(file, new PixelRegion(100, 1, shape), before: 0));
    }

    [Fact]
    public async Task Write_RegionThatIsNotThere_LosesNothing()
    {
        // Anything may be called pixels: what comes back does not depend on it.
        var file = Pixels.File(new Random(3), new PixelShape { Rows = 50, Columns = 50, SampleBytes = 2, BitsStored = 12, HighBit = 11 }, 1, 400, 9, Pixels.Junk.None);
        var wrong = new PixelShape { Rows = 7, Columns = 13, Samples = 3, SampleBytes = 2, BitsStored = 3, HighBit = 9, Signed = true, Planar = true, BigEndian = true };
        var entry = await StoreAsync(file, new PixelRegion(3, 9, wrong), before: 1);
        if (entry is not null) await SameAsync(file, entry, new Random(5));
    }

    [Fact]
    public async Task Read_EntryOfAnotherInstance_IsRefused()
    {
        var shape = new PixelShape { Rows = 64, Columns = 64, SampleBytes = 1, BitsStored = 8, HighBit = 7 };
        var file = Pixels.File(new Random(1), shape, 1, 800, 0, Pixels.Junk.None);
        var entry = (await StoreAsync(file, new PixelRegion(800, 1, shape), before: 50))!;
        foreach (var wrong in (IndexEntry[])[entry with { Offset = entry.Offset - 1 }, entry with { Length = entry.Length + 1 }, entry with { FileSha256 = new byte[32] },
            entry with { CodedLength = entry.CodedLength - 1 }, entry with { CodedLength = 3 }, entry with { Offset = entry.Pack.Length }])
            Assert.Equal(SealedFault.BadContent, (await Assert.ThrowsAsync<SealedObjectException>(async () => await Reader().ReadAsync(wrong, 0, new byte[1], default))).Fault);
    }

    [Fact]
    public async Task Read_WithoutTheCodec_NamesWhatIsMissing()
    {
        var shape = new PixelShape { Rows = 64, Columns = 64, SampleBytes = 1, BitsStored = 8, HighBit = 7 };
        var file = Pixels.File(new Random(1), shape, 1, 800, 0, Pixels.Junk.None);
        var entry = (await StoreAsync(file, new PixelRegion(800, 1, shape), before: 0))!;
        _codec.Missing = "libpicture.so is not installed.";
        Assert.Equal(_codec.Missing, (await Assert.ThrowsAsync<CodecUnavailableException>(async () => await Reader().ReadAsync(entry, 0, new byte[1], default))).Message);
        await Assert.ThrowsAsync<CodecUnavailableException>(async () => await new PackReader(_store, _key).ReadAsync(entry, 0, new byte[1], default));
    }

    [Fact]
    public async Task Layout_EveryFlippedBitAndEveryLength_IsRefusedOrReadsWithinBounds()
    {
        var shape = new PixelShape { Rows = 30, Columns = 30, SampleBytes = 1, BitsStored = 8, HighBit = 7, StripRows = 30 };
        var region = new PixelRegion(10, 3, shape);
        var bytes = CodedLayout.Write(10 + (3 * 900), new byte[32], 1, region, new CodedText(10, 10, false), new CodedText(0, 0, false), [(100, false), (900, true), (100, false)]);
        var length = CodedLayout.Length("x", bytes.AsSpan(bytes.Length - 8), 10_000);
        Assert.Equal(bytes.Length - 8, length);
        Assert.Equal(1110, CodedLayout.Parse("x", bytes.AsSpan(0, length), 1110).BehindAt);
        for (var cut = 0; cut < length; cut++) Assert.Throws<SealedObjectException>(() => CodedLayout.Parse("x", bytes.AsSpan(0, cut), 1110));
        for (var bit = 0; bit < length * 8; bit++)
        {
            var flipped = bytes.AsSpan(0, length).ToArray();
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                var layout = CodedLayout.Parse("x", flipped, 1110);
                Assert.Equal(layout.FileLength, layout.Region.End + layout.Behind.Length);
                for (var i = 0; i < layout.Pieces; i++) Assert.InRange(layout.Piece(i).At + layout.Piece(i).Stored, 0, 1110);
            }
            catch (SealedObjectException damage)
            {
                Assert.Equal(SealedFault.BadContent, damage.Fault);
            }
        }

        await Task.CompletedTask;
    }

    private PackReader Reader() => new(_store, _key, new PictureCodecs([_codec]));

    /// <summary>Stores a file compressed; null when it did not pay, and then the pack has nothing of it.</summary>
    private async Task<IndexEntry?> StoreAsync(byte[] file, PixelRegion region, int before)
    {
        await using var pack = PackWriter.Create(_store, Make.Folder, _key, Make.Small(), keepBytes: 0);
        await pack.AppendAsync(Make.Bytes(before + 1), default);
        var entry = Entry(file);
        var length = await new CodedWriter(pack, _codec).WriteAsync(entry, new MemoryStream(file), region, default);
        Assert.Equal(before + 1 + length, pack.Position);
        if (length == 0) return null;
        Assert.True(length <= file.Length * 0.9);
        var (reference, _) = await pack.CommitAsync(default);
        return entry with { Pack = reference, Offset = before + 1, CodedLength = length };
    }

    private async Task SameAsync(byte[] file, IndexEntry entry, Random random)
    {
        var reader = Reader();
        await using (var stream = await reader.OpenStreamAsync(entry, default))
        {
            var whole = new MemoryStream();
            await stream.CopyToAsync(whole);
            Assert.True(whole.ToArray().AsSpan().SequenceEqual(file));
        }

        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var (from, to) = (random.Next(file.Length), random.Next(file.Length));
        if (from > to) (from, to) = (to, from);
        await reader.CopyAsync(entry, from, to - from, pipe.Writer, default);
        await pipe.Writer.CompleteAsync();
        var part = new MemoryStream();
        await pipe.Reader.CopyToAsync(part);
        Assert.True(part.ToArray().AsSpan().SequenceEqual(file.AsSpan(from..to)));
        for (var i = 0; i < 3; i++)
        {
            var at = random.Next(file.Length);
            var bytes = new byte[random.Next(file.Length - at + 1)];
            await reader.ReadAsync(entry, at, bytes, default);
            Assert.True(bytes.AsSpan().SequenceEqual(file.AsSpan(at, bytes.Length)));
        }

        await Assert.ThrowsAsync<SealedObjectException>(async () => await reader.ReadAsync(entry, file.Length, new byte[1], default));
    }

    private static IndexEntry Entry(byte[] file) => new()
    {
        SopInstanceUid = "1.2.3",
        SopClassUid = "1.2.840.10008.5.1.4.1.1.2",
        TransferSyntaxUid = "1.2.840.10008.1.2.1",
        Pack = new SealedReference("a/b/c.pack", 1),
        Offset = 0,
        Length = file.Length,
        FileSha256 = SHA256.HashData(file),
        DatasetDigest = [],
        Frames = 1,
    };
}
