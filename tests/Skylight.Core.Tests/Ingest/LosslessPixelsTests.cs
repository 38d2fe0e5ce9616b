using Skylight.Core.Ingest;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Core.Tests.Ingest;

/// <summary>One image has one pixel digest, native or losslessly compressed. Counts rented buffers, so it runs alone.</summary>
[Collection(nameof(MemoryTests))]
public sealed class LosslessPixelsTests
{
    private const string Rle = "1.2.840.10008.1.2.5", JpegLs = "1.2.840.10008.1.2.4.80", Jpeg2000 = "1.2.840.10008.1.2.4.90";

    private static DicomFile Native(int frames = 3, int samples = 1, int bits = 16, int rows = 9)
    {
        var random = new Random(4);
        var pixels = new byte[rows * 7 * samples * (bits / 8) * frames];
        random.NextBytes(pixels);
        if (pixels.Length % 2 != 0) pixels = [.. pixels, 0];
        var dataset = new DicomDataset()
            .Set(DicomTags.SOPClassUID, DicomUids.CTImageStorage).Set(DicomTags.SOPInstanceUID, "1.2.3").Set(DicomTags.StudyInstanceUID, "1.2").Set(DicomTags.SeriesInstanceUID, "1.2.1")
            .Set(DicomTags.SamplesPerPixel, samples).Set(DicomTags.PhotometricInterpretation, samples == 3 ? "RGB" : "MONOCHROME2").Set(DicomTags.NumberOfFrames, frames)
            .Set(DicomTags.Rows, rows).Set(DicomTags.Columns, 7).Set(DicomTags.BitsAllocated, bits).Set(DicomTags.BitsStored, bits).Set(DicomTags.HighBit, bits - 1).Set(DicomTags.PixelRepresentation, 0);
        if (samples == 3) dataset.Set(DicomTags.PlanarConfiguration, 0);
        return DicomFile.Of(dataset.Set(DicomTags.PixelData, bits == 8 ? Vr.OB : Vr.OW, pixels), TransferSyntax.ExplicitLittle);
    }

    private static InspectedInstance Inspect(DicomFile file, int piece = int.MaxValue, int maxFrameBytes = 1 << 20)
    {
        var bytes = DicomWriter.ToArray(file);
        using var inspector = new InstanceInspector(new InspectOptions { DecodeFrames = LosslessPixels.Of, MaxFrameBytes = maxFrameBytes });
        for (var at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length - at)) inspector.Append(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        return inspector.Complete();
    }

    [Theory]
    [InlineData(Rle, 3, 1, 16)]
    [InlineData(JpegLs, 3, 1, 16)]
    [InlineData(Jpeg2000, 1, 1, 16)]
    [InlineData(Rle, 1, 1, 8)]
    [InlineData(JpegLs, 3, 3, 8)]
    [InlineData(Jpeg2000, 3, 3, 8)]
    public void Inspect_OfACompressedCopy_GivesTheDigestOfTheNativeOne(string syntax, int frames, int samples, int bits)
    {
        var native = Native(frames, samples, bits);
        var compressed = Transcoder.Convert(native, TransferSyntax.Of(syntax));
        var expected = Inspect(native);
        foreach (var piece in new[] { 1, 13, int.MaxValue })
        {
            var inspected = Inspect(compressed, piece);
            Assert.Equal(("native", "decoded"), (expected.PixelDigestKind, inspected.PixelDigestKind));
            Assert.Equal(expected.PixelDigest, inspected.PixelDigest);
            Assert.NotEqual(inspected.PixelDigest, inspected.EncodedPixelDigest);
        }

        Assert.Null(expected.EncodedPixelDigest);
        if (samples == 1) Assert.Equal(expected.DatasetDigest, Inspect(compressed).DatasetDigest);
        Assert.Equal(0, PixelBuffers.Rented);
    }

    [Fact]
    public void Inspect_OfFramesInSeveralFragments_FollowsTheOffsetTable()
    {
        var native = Native();
        var compressed = Transcoder.Convert(native, TransferSyntax.Of(JpegLs));
        compressed.Dataset.TryGet(DicomTags.PixelData, out var element);
        var (fragments, table, at) = (new List<ReadOnlyMemory<byte>>(), new List<byte>(), 0u);
        foreach (var whole in element.Fragments!.Fragments)
        {
            table.AddRange(BitConverter.GetBytes(at));
            fragments.AddRange([whole[..20], whole[20..]]);
            at += (uint)whole.Length + 16;
        }

        var split = compressed.Dataset.Clone().Set(DicomTags.PixelData, new DicomFragments(table.ToArray(), fragments));
        var inspected = Inspect(DicomFile.Of(split, compressed.Syntax));
        Assert.Equal("decoded", inspected.PixelDigestKind);
        Assert.Equal(Inspect(native).PixelDigest, inspected.PixelDigest);
        // Without the table nobody can tell while they go by which fragments belong together.
        Assert.Equal("encoded", Inspect(DicomFile.Of(split.Clone().Set(DicomTags.PixelData, new DicomFragments(default, fragments)), compressed.Syntax)).PixelDigestKind);
    }

    [Fact]
    public void Inspect_OfWhatCannotBeDecoded_KeepsTheDigestOfItsFragments()
    {
        var compressed = Transcoder.Convert(Native(), TransferSyntax.Of(JpegLs));
        var plain = new InstanceInspector();
        plain.Append(DicomWriter.ToArray(compressed));
        var expected = plain.Complete();
        plain.Dispose();
        Assert.Equal(expected.PixelDigest, Inspect(compressed).EncodedPixelDigest);
        var tooLong = Inspect(compressed, maxFrameBytes: 40);
        Assert.Equal(("encoded", null), (tooLong.PixelDigestKind, tooLong.EncodedPixelDigest));
        Assert.Equal(expected.PixelDigest, tooLong.PixelDigest);

        var missing = compressed.Dataset.Clone().Set(DicomTags.NumberOfFrames, 4);
        Assert.Equal("encoded", Inspect(DicomFile.Of(missing, compressed.Syntax)).PixelDigestKind);
        var otherSize = compressed.Dataset.Clone().Set(DicomTags.Rows, 10);
        Assert.Equal("encoded", Inspect(DicomFile.Of(otherSize, compressed.Syntax)).PixelDigestKind);
        var lossy = Transcoder.Convert(Native(1, 3, 8), TransferSyntax.Of(FrameCodec.JpegBaseline));
        Assert.Equal("encoded", Inspect(lossy).PixelDigestKind);
    }
}
