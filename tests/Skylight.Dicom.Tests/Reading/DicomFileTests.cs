using System.IO.Pipelines;

namespace Skylight.Dicom.Tests.Reading;

public sealed class DicomFileTests
{
    private static readonly ReadOptions s_header = new() { StopBeforePixelData = true };

    [Theory]
    [InlineData(16)]
    [InlineData(100)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public async Task ReadAsync_PipeStoppedBeforePixels_StandsAtTheElementOrItsHeader(int bufferSize)
    {
        var bytes = Samples.File(Samples.Ct());
        var pipe = PipeReader.Create(new MemoryStream(bytes), new StreamPipeReaderOptions(bufferSize: bufferSize, minimumReadSize: 1));
        var file = await DicomFile.ReadAsync(pipe, s_header, CancellationToken.None);
        Assert.Equal(bytes.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xE0, 0x7F, 0x10, 0x00, (byte)'O', (byte)'W']), file.PixelDataOffset);
        Assert.False(file.Dataset.Contains(DicomTags.PixelData));
        using var rest = new MemoryStream();
        await pipe.CopyToAsync(rest);
        // A header that was cut by the pipe's buffers has left it; nothing of the value has.
        Assert.InRange(rest.Length, bytes.Length - file.PixelDataOffset - 12, bytes.Length - file.PixelDataOffset);
        Assert.Equal(bytes[^2048..], rest.ToArray()[^2048..]);
    }

    [Fact]
    public async Task ReadAsync_StreamInSmallPieces_KeepsPreambleAndPixels()
    {
        var bytes = Samples.File(Samples.Ct());
        bytes[0] = 0x49;
        var file = await DicomFile.ReadAsync(new Trickle(bytes), null, CancellationToken.None);
        Assert.Equal(bytes[..128], file.Preamble.ToArray());
        Assert.Equal(2048, file.Dataset.GetBytes(DicomTags.PixelData).Length);
        Assert.Equal(bytes, DicomWriter.ToArray(file, WriteOptions.AsRead));
        Assert.Contains(file.Findings, f => f.Code == FindingCodes.PreambleContent);
        Assert.Equal(0, DicomWriter.ToArray(file)[0]);
    }

    [Fact]
    public void Write_TiffPreamble_IsKept()
    {
        var bytes = Samples.File(Samples.Ct());
        byte[] tiff = [0x49, 0x49, 0x2A, 0x00, 0x08];
        tiff.CopyTo(bytes, 0);
        Assert.Equal(tiff, DicomWriter.ToArray(DicomFile.Read(bytes))[..5]);
    }

    [Fact]
    public void ReadHeader_FileOnDisk_StopsBeforePixels()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Samples.File(Samples.Ct(256)));
            var file = DicomFile.ReadHeader(path);
            Assert.Equal(256, file.Dataset.GetInt32(DicomTags.Rows));
            Assert.True(file.PixelDataOffset > file.DatasetOffset);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2")]
    [InlineData("1.2.840.10008.1.2.1")]
    [InlineData("1.2.840.10008.1.2.2")]
    [InlineData("1.2.840.10008.1.2.1.99")]
    public void ReadDataset_OfAMessage_IsTheDataset(string uid)
    {
        var syntax = TransferSyntax.Of(uid);
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        DicomWriter.WriteDataset(output, Samples.Ct(), syntax);
        var dataset = DicomFile.ReadDataset(output.WrittenSpan, syntax);
        Assert.Equal(CanonicalDigest.Of(Samples.Ct()), CanonicalDigest.Of(dataset));
        Assert.Equal("王", PersonName.Components(dataset.GetPersonName(DicomTags.PatientName)!.Ideographic)[0]);
    }

    [Fact]
    public void Inspect_CutInPixelData_HasNoFramesBeyondTheEnd()
    {
        var bytes = Samples.File(Samples.Ct(8).Set(DicomTags.NumberOfFrames, 3).Set(DicomTags.PixelData, Vr.OW, new byte[384]))[..^100];
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true });
        inspector.Append(bytes);
        var found = inspector.Complete();
        Assert.NotNull(found.Frames.GetFrame(1));
        Assert.Null(found.Frames.GetFrame(2));
    }

    [Fact]
    public void Write_ValueTooLongForItsForm_BecomesUnknown()
    {
        var dataset = new DicomDataset().Set(DicomTags.SOPInstanceUID, "1.2.3").Set(DicomTags.ContourData, Vr.DS, [.. Enumerable.Repeat("1.25", 20_000)]);
        var read = DicomFile.Read(Samples.File(dataset)).Dataset;
        Assert.True(read.TryGet(DicomTags.ContourData, out var e));
        Assert.Equal((Vr.UN, Vr.DS), (e.DeclaredVr, e.Vr));
        Assert.Equal(20_000, read.GetDoubles(DicomTags.ContourData).Count);
    }

    [Fact]
    public void Set_NewAndKnownElements_KeepsTheOrder()
    {
        var d = new DicomDataset().Set(DicomTags.Rows, 1).Set(DicomTags.PatientID, "a").Set(DicomTags.PatientID, "b");
        Assert.Equal([DicomTags.PatientID, DicomTags.Rows], d.Select(e => e.Tag));
        Assert.Equal("b", d.GetString(DicomTags.PatientID));
        Assert.True(d.Remove(DicomTags.PatientID));
        Assert.Null(d.GetString(DicomTags.PatientID));
    }

    /// <summary>Gives a few bytes a read, as a socket may.</summary>
    private sealed class Trickle(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, 37)], cancellationToken);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    public void Read_FileOnDisk_IsTheSameAsFromMemory(int missing)
    {
        var bytes = Samples.File(Samples.Ct(400).Set(DicomTags.RedPaletteColorLookupTableData, Vr.OW, new byte[200_000]))[..^missing];
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            foreach (var syntaxOptions in (ReadOptions[])[new() { AllowTruncated = true }, new() { AllowTruncated = true, MaxInlineBytes = 1000 }])
            {
                var (disk, memory) = (DicomFile.Read(path, syntaxOptions), DicomFile.Read(bytes, syntaxOptions));
                Assert.Equal(memory.Findings, disk.Findings);
                Assert.Equal(memory.Dataset.Select(e => (e.Tag, e.Bulk, Convert.ToHexString(e.Value.Span))), disk.Dataset.Select(e => (e.Tag, e.Bulk, Convert.ToHexString(e.Value.Span))));
            }

            if (missing > 0) Assert.Equal(DicomErrors.Truncated, Assert.Throws<DicomFormatException>(() => DicomFile.Read(path)).Code);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
