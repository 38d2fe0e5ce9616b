using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Retrieve;

public sealed class NegotiationTests
{
    private const string Jpeg = "1.2.840.10008.1.2.4.50";
    private const string J2k = "1.2.840.10008.1.2.4.90";
    private const string Explicit = Negotiation.ExplicitVrLittleEndian;

    [Theory]
    [InlineData("multipart/related; type=\"application/dicom\"", Explicit)]
    [InlineData("multipart/related; type=application/dicom", Explicit)]
    [InlineData("multipart/related;type=application/dicom;transfer-syntax=*", "*")]
    [InlineData("Multipart/Related; TYPE=\"application/dicom\"; transfer-syntax=\"1.2.840.10008.1.2.4.90\"", J2k)]
    [InlineData("multipart/related; type=\"application/dicom; transfer-syntax=*\"", "*")]
    [InlineData("multipart/related", Explicit)]
    [InlineData("multipart/*", Explicit)]
    [InlineData("*/*", Explicit)]
    [InlineData(null, Explicit)]
    public void Instances_OneRange_GivesItsTransferSyntax(string? accept, string syntax) =>
        Assert.Equal([new InstanceChoice(true, syntax)], Negotiation.Instances(Wishes(accept), single: false));

    [Fact]
    public void Instances_SeveralRanges_AreOrderedByWeight()
    {
        var wishes = Wishes("multipart/related; type=application/dicom; transfer-syntax=1.2.3;q=0.3, application/dicom;q=0.5;transfer-syntax=*, text/html, multipart/related; type=\"application/dicom\", image/png;q=0");
        Assert.Equal([new(true, Explicit), new(false, "*"), new(true, "1.2.3")], Negotiation.Instances(wishes, single: true));
        Assert.Equal([new(true, Explicit), new(true, "1.2.3")], Negotiation.Instances(wishes, single: false));
    }

    [Theory]
    [InlineData("application/dicom+json")]
    [InlineData("multipart/related; type=\"application/dicom+xml\"")]
    [InlineData("multipart/related; type=application/dicom; q=0")]
    [InlineData("image/jpeg")]
    public void Instances_OtherTypes_AreNotAcceptable(string accept) =>
        Assert.Empty(Negotiation.Instances(Wishes(accept), single: true));

    [Theory]
    [InlineData("multipart")]
    [InlineData("*/dicom")]
    [InlineData("a/b; q=2")]
    [InlineData("a/b; q=NaN")]
    [InlineData("a/b; =x")]
    [InlineData("a/b; x=\"open")]
    [InlineData("a/b c/d")]
    public void Wishes_Malformed_AreRefused(string accept) => Assert.Null(Negotiation.Wishes([accept], []));

    [Fact]
    public void Wishes_TooMany_AreRefused()
    {
        Assert.Null(Negotiation.Wishes([string.Join(',', Enumerable.Repeat("a/b", MediaRange.MaxRanges + 1))], []));
        Assert.Null(Negotiation.Wishes([new string('x', 9000)], []));
    }

    [Fact]
    public void Wishes_AcceptParameter_WinsOverTheHeader()
    {
        var wishes = Negotiation.Wishes(["application/dicom+json"], ["multipart/related;type=application/dicom;transfer-syntax=*"]);
        Assert.Equal([new InstanceChoice(true, "*")], Negotiation.Instances(wishes!, single: false));
    }

    [Theory]
    // stored, native, wanted, delivered
    [InlineData("1.2.840.10008.1.2", true, "*", Explicit)]
    [InlineData("1.2.840.10008.1.2.2", true, "*", Explicit)]
    [InlineData("1.2.840.10008.1.2.1.99", true, "*", "1.2.840.10008.1.2.1.99")]
    [InlineData("1.2.840.10008.1.2.1.99", true, Explicit, Explicit)]
    [InlineData("1.2.840.10008.1.2", true, Explicit, Explicit)]
    [InlineData("1.2.840.10008.1.2", true, "1.2.840.10008.1.2", null)]
    [InlineData(Jpeg, false, "*", Jpeg)]
    [InlineData(Jpeg, false, Jpeg, Jpeg)]
    [InlineData(Jpeg, false, Explicit, null)]
    [InlineData(Jpeg, false, J2k, null)]
    public void Deliver_StoredAndWanted_GivesTheSyntaxThatGoesOut(string stored, bool native, string wanted, string? delivered) =>
        Assert.Equal(delivered, Negotiation.Deliver(stored, native, wanted));

    [Theory]
    [InlineData("multipart/related; type=application/octet-stream; transfer-syntax=*", Explicit, true, "application/octet-stream")]
    [InlineData("multipart/related; type=application/octet-stream; transfer-syntax=*", Jpeg, false, "application/octet-stream")]
    [InlineData("multipart/related; type=\"application/octet-stream\"", Explicit, true, "application/octet-stream")]
    [InlineData("multipart/related; type=\"application/octet-stream\"", Jpeg, false, null)]
    [InlineData("multipart/related; type=\"image/jpeg\"", Jpeg, false, "image/jpeg")]
    [InlineData("multipart/related; type=image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", J2k, false, "image/jp2")]
    [InlineData("multipart/related; type=image/jpeg", J2k, false, null)]
    [InlineData("multipart/related; type=\"image/*\"", J2k, false, "image/jp2")]
    [InlineData("*/*", J2k, false, "image/jp2")]
    [InlineData("application/octet-stream", Explicit, true, "application/octet-stream")]
    [InlineData("image/jpeg", Explicit, true, null)]
    public void DeliverFrames_StoredAndWanted_GivesTheMediaType(string accept, string stored, bool native, string? delivered)
    {
        var choice = Assert.Single(Negotiation.Frames(Wishes(accept), single: true));
        Assert.Equal(delivered, Negotiation.DeliverFrames(stored, native, choice));
    }

    [Theory]
    [InlineData("application/dicom+json", true)]
    [InlineData("application/json", true)]
    [InlineData("application/*;q=0.1", true)]
    [InlineData("*/*", true)]
    [InlineData("multipart/related; type=\"application/dicom+xml\"", false)]
    [InlineData("application/dicom+json;q=0", false)]
    public void AcceptsDicomJson_ByRange(string accept, bool accepted) => Assert.Equal(accepted, Negotiation.AcceptsDicomJson(Wishes(accept)));

    private static IReadOnlyList<MediaRange> Wishes(string? accept) =>
        Negotiation.Wishes([accept], []) ?? throw new InvalidOperationException("The header was refused.");

    [Theory]
    [InlineData("application/octet-stream", null, 16, "1.2.840.10008.1.2.1")]
    [InlineData("application/octet-stream", "*", 16, "1.2.840.10008.1.2.1")]
    [InlineData("*/*", "1.2.840.10008.1.2.1", 1, "1.2.840.10008.1.2.1")]
    [InlineData("image/jls", null, 16, "1.2.840.10008.1.2.4.80")]
    [InlineData("image/jls", null, 32, null)]
    [InlineData("image/*", "1.2.840.10008.1.2.4.90", 8, "1.2.840.10008.1.2.4.90")]
    [InlineData("image/dicom-rle", "1.2.840.10008.1.2.4.90", 8, null)]
    [InlineData("image/jpeg", null, 8, null)]
    [InlineData("image/jpeg", "1.2.840.10008.1.2.4.50", 8, "1.2.840.10008.1.2.4.50")]
    [InlineData("image/jpeg", "1.2.840.10008.1.2.4.50", 16, null)]
    [InlineData("image/jpeg", "1.2.840.10008.1.2.4.70", 16, null)]
    [InlineData("video/mp4", null, 8, null)]
    public void RecodeFrames_GivesTheSyntaxThatCanBeMade(string mediaType, string? syntax, int bits, string? expected) =>
        Assert.Equal(expected, Negotiation.RecodeFrames(new FrameChoice(true, mediaType, syntax), bits));
}
