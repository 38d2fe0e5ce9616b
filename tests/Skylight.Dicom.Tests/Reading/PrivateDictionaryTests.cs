namespace Skylight.Dicom.Tests.Reading;

public sealed class PrivateDictionaryTests
{
    private static readonly PrivateDictionary s_dictionary = PrivateDictionary.Parse(new StringReader("# vendor\nSKYLIGHT TEST\t0029xx01\tFD\t2\nSKYLIGHT TEST\t0029xx02\tSQ\n"));

    [Fact]
    public void Read_ImplicitPrivateElements_TakeTheVendorsRepresentation()
    {
        var creator = new DicomTag(0x0029, 0x0011);
        var inner = new DicomDataset().Set(DicomTags.CodeValue, "X");
        var dataset = new DicomDataset().Set(creator, Vr.LO, "SKYLIGHT TEST")
            .Set(new DicomTag(0x0029, 0x1101), Vr.FD, 1.5, 2.5).Set(new DicomTag(0x0029, 0x1102), inner).Set(new DicomTag(0x0029, 0x1201), Vr.FD, 3);
        var bytes = Samples.File(dataset, TransferSyntax.ImplicitLittle);

        var with = DicomFile.Read(bytes, new ReadOptions { PrivateDictionary = s_dictionary }).Dataset;
        Assert.Equal([1.5, 2.5], with.GetDoubles(new DicomTag(0x0029, 0x1101)));
        Assert.Equal("X", with.GetItems(new DicomTag(0x0029, 0x1102))[0].GetString(DicomTags.CodeValue));
        // Block 12 has no creator.
        Assert.True(with.TryGet(new DicomTag(0x0029, 0x1201), out var stranger));
        Assert.Equal(Vr.UN, stranger.Vr);
        Assert.Equal(CanonicalDigest.Of(dataset), CanonicalDigest.Of(with));

        var without = DicomFile.Read(bytes).Dataset;
        Assert.True(without.TryGet(new DicomTag(0x0029, 0x1102), out var opaque));
        Assert.Equal(Vr.UN, opaque.Vr);
    }

    [Theory]
    [InlineData("A\t0029xx01")]
    [InlineData("A\t00290001\tFD")]
    [InlineData("A\t0028xx01\tFD")]
    [InlineData("A\t0029xx01\tQQ")]
    public void Parse_LineOfAnotherForm_NamesIt(string line) =>
        Assert.Contains("Line 1", Assert.Throws<InvalidDataException>(() => PrivateDictionary.Parse(new StringReader(line))).Message, StringComparison.Ordinal);

    /// <summary>The one limit of the digest, lifted by a dictionary: a private sequence of defined length in Implicit VR.</summary>
    [Fact]
    public void Inspect_PrivateSequenceInImplicit_HasTheDigestOfTheExplicitForm()
    {
        var dataset = Samples.Ct().Set(new DicomTag(0x0029, 0x1002), new DicomDataset().Set(DicomTags.CodeValue, "1"), new DicomDataset());
        var dictionary = PrivateDictionary.Parse(new StringReader("SKYLIGHT TEST\t0029xx02\tSQ"));
        var written = new WriteOptions { Lengths = LengthEncoding.Defined };
        var isExplicit = Digest(DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ExplicitLittle), written), null);
        var isImplicit = DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ImplicitLittle), written);
        Assert.NotEqual(isExplicit, Digest(isImplicit, null));
        Assert.Equal(isExplicit, Digest(isImplicit, dictionary));
    }

    private static byte[] Digest(byte[] file, PrivateDictionary? dictionary)
    {
        using var inspector = new InstanceInspector(new InspectOptions { PrivateDictionary = dictionary });
        inspector.Append(file);
        return inspector.Complete().DatasetDigest;
    }
}
