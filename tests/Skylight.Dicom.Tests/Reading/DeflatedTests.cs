using System.Buffers;
using System.IO.Compression;

namespace Skylight.Dicom.Tests.Reading;

/// <summary>Deflated datasets: how they end, how large they may become, and how they arrive.</summary>
public sealed class DeflatedTests
{
    [Fact]
    public void Read_CutBetweenTwoElements_IsTruncated()
    {
        var file = Flushed(end: false);
        Assert.Equal(DicomErrors.Truncated, Assert.Throws<DicomFormatException>(() => DicomFile.Read(file)).Code);
        var read = DicomFile.Read(file, new ReadOptions { AllowTruncated = true });
        Assert.Contains(read.Findings, f => f.Code == FindingCodes.Truncated);
        Assert.Equal("2.25.5", read.Dataset.GetString(DicomTags.SOPInstanceUID));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(700)]
    public void Read_WholeStreamWithPadding_HasNoFinding(int padding)
    {
        byte[] file = [.. Flushed(end: true), .. new byte[padding]];
        Assert.Empty(DicomFile.Read(file).Findings);
    }

    [Fact]
    public void Read_MoreThanMayBeInflated_IsRefused()
    {
        var file = Samples.File(Samples.Ct().Set(DicomTags.PixelData, Vr.OW, new byte[8 << 20]), TransferSyntax.Deflated);
        Assert.True(file.Length < 64 << 10);
        using var inspector = new InstanceInspector(new InspectOptions { MaxInflatedBytes = 1 << 20 });
        Assert.Equal(DicomErrors.TooLarge, Assert.Throws<DicomFormatException>(() => Inspect(inspector, file)).Code);
        using var larger = new InstanceInspector(new InspectOptions { MaxInflatedBytes = 16 << 20 });
        Assert.Equal("native", Inspect(larger, file).PixelDigestKind);
    }

    [Fact]
    public void Append_OneByteAtATime_ReadsAndStopsBeforePixelData()
    {
        var file = Samples.File(Samples.Ct(), TransferSyntax.Deflated);
        var builder = new DatasetBuilder(new ReadOptions { StopBeforePixelData = true });
        using var reader = new DicomReader(builder, new ReadOptions { StopBeforePixelData = true });
        foreach (var b in file) reader.Append([b]);
        reader.Complete();
        Assert.True(reader.IsStopped);
        Assert.Equal("2.25.1001", builder.Dataset.GetString(DicomTags.SOPInstanceUID));
    }

    private static InspectedInstance Inspect(InstanceInspector inspector, byte[] file)
    {
        inspector.Append(file);
        return inspector.Complete();
    }

    /// <summary>A deflated file whose stream is flushed after the last element, and said to be over or not.</summary>
    private static byte[] Flushed(bool end)
    {
        var head = new ArrayBufferWriter<byte>();
        DicomWriter.Preamble(head, default);
        DicomWriter.FileMeta(head, "1.2.3", "2.25.5", TransferSyntax.Deflated, null);
        var body = new ArrayBufferWriter<byte>();
        DicomWriter.WriteDataset(body, new DicomDataset().Set(DicomTags.SOPInstanceUID, "2.25.5").Set(DicomTags.PatientID, "P1"), TransferSyntax.ExplicitLittle);
        using var packed = new MemoryStream();
        var deflate = new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true);
        deflate.Write(body.WrittenSpan);
        deflate.Flush();
        if (!end) return [.. head.WrittenSpan, .. packed.ToArray()];
        deflate.Dispose();
        return [.. head.WrittenSpan, .. packed.ToArray()];
    }
}
