namespace Skylight.Dicom.Tests.Dictionary;

public sealed class DictionaryTests
{
    [Fact]
    public void Find_EveryKeyword_RoundTrips()
    {
        var n = 0;
        foreach (var e in DicomDictionary.All())
        {
            Assert.True(DicomDictionary.TryFindKeyword(e.Keyword, out var tag));
            Assert.Equal(e.Tag, tag);
            Assert.NotEqual("", e.Name);
            n++;
        }

        Assert.True(n > 5200);
    }

    [Fact]
    public void VrOf_KnownRepeatingPrivateAndUnknown_AreTold()
    {
        Assert.Equal(Vr.PN, DicomDictionary.VrOf(DicomTags.PatientName));
        Assert.Equal(Vr.OW, DicomDictionary.VrOf(DicomTags.PixelData));
        Assert.Equal(Vr.OW, DicomDictionary.VrOf(new DicomTag(0x6002, 0x3000)));
        Assert.Equal("OverlayRows", DicomDictionary.KeywordOf(new DicomTag(0x601E, 0x0010)));
        Assert.Equal(Vr.LO, DicomDictionary.VrOf(new DicomTag(0x0029, 0x0010)));
        Assert.Equal(Vr.UN, DicomDictionary.VrOf(new DicomTag(0x0029, 0x1010)));
        Assert.Equal(Vr.UN, DicomDictionary.VrOf(new DicomTag(0x0028, 0xFFF0)));
        Assert.Equal(Vr.UL, DicomDictionary.VrOf(new DicomTag(0x0028, 0x0000)));
    }

    [Theory]
    [InlineData("00100010")]
    [InlineData("(0010,0010)")]
    [InlineData("0010,0010")]
    [InlineData("PatientName")]
    public void TryParse_EveryNotation_IsTheTag(string text)
    {
        Assert.True(DicomTag.TryParse(text, out var tag));
        Assert.Equal(DicomTags.PatientName, tag);
    }

    [Theory]
    [InlineData("1.2.3", true)]
    [InlineData("2.25.0", true)]
    [InlineData("1.02.3", false)]
    [InlineData("1..3", false)]
    [InlineData("1.2.", false)]
    [InlineData("", false)]
    [InlineData("1.2.a", false)]
    public void IsValid_Uid_FollowsTheStandard(string uid, bool valid) => Assert.Equal(valid, DicomUids.IsValid(uid));

    [Fact]
    public void TransferSyntax_Traits_AreThoseOfTheStandard()
    {
        Assert.Equal("JPEG Baseline (Process 1)", TransferSyntax.Of("1.2.840.10008.1.2.4.50\0").Name);
        Assert.True(TransferSyntax.Of("1.2.840.10008.1.2.4.50").IsEncapsulated);
        Assert.True(TransferSyntax.Of("1.2.840.10008.1.2.1.98").IsEncapsulated);
        Assert.False(TransferSyntax.Of("1.2.3.4").IsKnown);
        Assert.True(TransferSyntax.Of("1.2.3.4").IsExplicit);
        Assert.Equal(63, DicomUids.All.Count(u => u.Kind == "Transfer Syntax"));
    }
}
