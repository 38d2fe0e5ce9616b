namespace Skylight.Dicom.Tests.Inspection;

public sealed class InspectorTests
{
    private static readonly TransferSyntax s_jpeg = TransferSyntax.Of("1.2.840.10008.1.2.4.50");

    [Fact]
    public void Complete_SameDatasetInEverySyntax_HasOneDigest()
    {
        var all = new[] { TransferSyntax.ImplicitLittle, TransferSyntax.ExplicitLittle, TransferSyntax.ExplicitBig, TransferSyntax.Deflated }
            .Select(s => Inspect(Samples.File(Samples.Ct(), s))).ToList();
        Assert.Single(all.Select(i => Convert.ToHexString(i.DatasetDigest)).Distinct());
        Assert.Single(all.Select(i => Convert.ToHexString(i.PixelDigest!)).Distinct());
        Assert.Equal([FrameTableKind.Bytes, FrameTableKind.Bytes, FrameTableKind.Decode, FrameTableKind.Decode], all.Select(i => i.Frames.Kind));
    }

    [Fact]
    public void Complete_ChangedAttribute_ChangesDatasetDigestOnly()
    {
        var a = Inspect(Samples.File(Samples.Ct()));
        var b = Inspect(Samples.File(Samples.Ct().Set(DicomTags.PatientSex, "F")));
        Assert.NotEqual(a.DatasetDigest, b.DatasetDigest);
        Assert.Equal(a.PixelDigest, b.PixelDigest);
    }

    [Fact]
    public void GetFrame_Native_IsTheFramesBytes()
    {
        var dataset = Samples.Ct(8).Set(DicomTags.NumberOfFrames, 3);
        var pixels = Enumerable.Range(0, 3 * 128).Select(i => (byte)i).ToArray();
        var bytes = Samples.File(dataset.Set(DicomTags.PixelData, Vr.OW, pixels));
        var found = Inspect(bytes);
        Assert.Equal(pixels[128..256], found.Frames.GetFrame(1)!.Read(bytes));
        Assert.Equal(pixels[256..], FrameTable.Parse(found.Frames.ToBytes()).GetFrame(2)!.Read(bytes));
    }

    [Fact]
    public void GetFrame_OneBitPixels_AreShiftedToTheFirstBit()
    {
        // 3 x 3 pixels: 9 bits a frame.
        var dataset = Samples.Ct(3).Set(DicomTags.BitsAllocated, 1).Set(DicomTags.NumberOfFrames, 2);
        var bytes = Samples.File(dataset.Set(DicomTags.PixelData, Vr.OB, new byte[] { 0b1010_1010, 0b0110_1101, 0b0000_0010, 0 }));
        var found = Inspect(bytes);
        Assert.Equal(FrameTableKind.Bits, found.Frames.Kind);
        var frame = found.Frames.GetFrame(1)!;
        Assert.Equal((1, 9L), (frame.BitOffset, frame.BitLength));
        Assert.Equal([0b0011_0110, 0b0000_0001], frame.Read(bytes));
    }

    [Fact]
    public void GetFrame_BasicOffsetTable_JoinsFragments()
    {
        byte[] table = [0, 0, 0, 0, 24, 0, 0, 0];
        var bytes = Samples.File(Samples.Encapsulated(2, table, [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]), s_jpeg);
        var found = Inspect(bytes);
        Assert.Equal("encoded", found.PixelDigestKind);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], found.Frames.GetFrame(0)!.Read(bytes));
        Assert.Equal([9, 10], FrameTable.Parse(found.Frames.ToBytes()).GetFrame(1)!.Read(bytes));
    }

    [Fact]
    public void GetFrame_ExtendedOffsetTable_JoinsFragments()
    {
        var table = new byte[16];
        table[8] = 12;
        var dataset = Samples.Encapsulated(2, [], [1, 2, 3, 4], [5, 6], [7, 8]).Set(DicomTags.ExtendedOffsetTable, Vr.OV, table);
        var bytes = Samples.File(dataset, s_jpeg);
        Assert.Equal([5, 6, 7, 8], Inspect(bytes).Frames.GetFrame(1)!.Read(bytes));
    }

    [Fact]
    public void GetFrame_NoOffsetTable_FramesBeginWhereStreamsBegin()
    {
        byte[] start = [0xFF, 0xD8, 0xFF, 0xE0];
        var bytes = Samples.File(Samples.Encapsulated(2, [], start, [1, 2], [3, 4], start, [5, 6]), s_jpeg);
        var found = Inspect(bytes);
        Assert.Equal([0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3, 4], found.Frames.GetFrame(0)!.Read(bytes));
        Assert.Equal([0xFF, 0xD8, 0xFF, 0xE0, 5, 6], found.Frames.GetFrame(1)!.Read(bytes));
    }

    [Fact]
    public void Complete_FragmentsThatFitNoFrame_AreLeftToDecoding()
    {
        var found = Inspect(Samples.File(Samples.Encapsulated(2, [9, 9, 9, 9, 9, 9, 9, 9], [1, 2], [3, 4], [5, 6]), s_jpeg));
        Assert.Equal(FrameTableKind.Decode, found.Frames.Kind);
        Assert.Contains(found.Findings, f => f.Code == FindingCodes.OffsetTable);
        Assert.Contains(found.Findings, f => f.Code == FindingCodes.FramesUncertain);
    }

    [Fact]
    public void Complete_LongValue_IsAReferenceAndDigested()
    {
        var value = new byte[100_000];
        value[99_999] = 7;
        var tag = new DicomTag(0x0029, 0x1010);
        var bytes = Samples.File(Samples.Ct().Set(tag, Vr.OB, value));
        var found = Inspect(bytes);
        Assert.True(found.Dataset.TryGet(tag, out var e));
        Assert.Equal(7, bytes[e.Bulk!.Position + 99_999]);
        Assert.Equal(CanonicalDigest.Of(DicomFile.Read(bytes).Dataset), found.DatasetDigest);
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")]
    [InlineData("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")]
    [InlineData("1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1")]
    [InlineData("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")]
    [InlineData("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1")]
    public void Complete_SyntaxDeclaredWrongly_IsReadAsItIs(string declared, string actual)
    {
        var written = Samples.File(Samples.Ct(), TransferSyntax.Of(actual));
        var declaredFile = Samples.File(Samples.Ct(), TransferSyntax.Of(declared));
        var a = Inspect(written);
        var b = Inspect(declaredFile);
        byte[] mixed = [.. declaredFile.AsSpan(0, (int)b.DatasetOffset), .. written.AsSpan((int)a.DatasetOffset)];
        var found = Inspect(mixed);
        Assert.Equal(a.DatasetDigest, found.DatasetDigest);
        Assert.Equal(a.PixelDigest, found.PixelDigest);
    }

    [Fact]
    public void Complete_NoPreambleNoMeta_IsReadWithFindings()
    {
        var file = Samples.File(Samples.Ct(), TransferSyntax.ImplicitLittle);
        var whole = Inspect(file);
        var found = Inspect(file[(int)whole.DatasetOffset..]);
        Assert.Equal(whole.DatasetDigest, found.DatasetDigest);
        Assert.Equal(TransferSyntax.ImplicitLittle.Uid, found.Syntax.Uid);
        Assert.Contains(found.Findings, f => f.Code == FindingCodes.MissingMeta);
    }

    [Fact]
    public void Complete_OddIdentity_IsAFinding()
    {
        var dataset = Samples.Ct().Set(DicomTags.SeriesInstanceUID, "1.02.3");
        dataset.Remove(DicomTags.PatientID);
        var found = Inspect(Samples.File(dataset));
        Assert.Contains(found.Findings, f => f is { Code: FindingCodes.UidMalformed, Path: "(0020,000E)" });
        Assert.Contains(found.Findings, f => f.Code == FindingCodes.MissingPatientId);
        Assert.All(found.Findings, f => Assert.NotEqual("", f.TextZh));
    }

    private static InspectedInstance Inspect(byte[] bytes)
    {
        using var inspector = new InstanceInspector();
        inspector.Append(bytes);
        return inspector.Complete();
    }
}
