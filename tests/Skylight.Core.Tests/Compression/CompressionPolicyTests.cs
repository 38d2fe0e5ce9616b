using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;

namespace Skylight.Core.Tests.Compression;

public sealed class CompressionPolicyTests
{
    private static readonly PictureCodecs s_codecs = new([new Named("jpeg-ls", null), new Named("jpeg2000", "libopenjp2.so.7 is not installed.")]);
    private static readonly DateTimeOffset s_now = new(2026, 3, 10, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void RuleFor_FirstThatFits_Decides()
    {
        var policy = new CompressionPolicy(1, 1,
        [
            new CompressionRule(["US"], null, "none", null), new CompressionRule(["CT", "MR"], [StorageTier.Warm], "jpeg-ls", 5), new CompressionRule(["DX"], null, "jpeg2000", null),
            new CompressionRule(null, [StorageTier.Hot, StorageTier.Archive], "jpeg-ls", null),
        ]);
        Assert.Null(policy.RuleFor("US", StorageTier.Hot, s_codecs));
        Assert.Equal(5, policy.RuleFor("MR", StorageTier.Warm, s_codecs)!.MinBytes);
        Assert.Null(policy.RuleFor("CR", StorageTier.Warm, s_codecs));
        Assert.NotNull(policy.RuleFor("CR", StorageTier.Hot, s_codecs));
        Assert.NotNull(policy.RuleFor(null, StorageTier.Hot, s_codecs));
        Assert.Null(policy.RuleFor("CR", StorageTier.Archive, s_codecs));

        // A codec that does not work here leaves alone what is its: nothing else takes its place.
        Assert.Null(policy.RuleFor("DX", StorageTier.Hot, s_codecs));
    }

    [Fact]
    public void IsDue_OnceUnderThisPolicyInThisTierSinceItLastGrew()
    {
        var policy = new CompressionPolicy(1, 2, [new CompressionRule(["CT"], null, "jpeg-ls", null)]);
        var study = Study("CT", s_now.AddDays(-3));
        Assert.True(policy.IsDue(study, s_codecs, s_now));
        Assert.False(policy.IsDue(study with { State = StudyState.Quiet }, s_codecs, s_now));
        Assert.False(policy.IsDue(study with { ReceivedAt = s_now.AddDays(-1) }, s_codecs, s_now));
        Assert.False(policy.IsDue(study with { Tier = StorageTier.Archive }, s_codecs, s_now));
        Assert.False(policy.IsDue(Study("MR", s_now.AddDays(-3)), s_codecs, s_now));
        var looked = study with { Compression = new StudyCompressionMark(policy.Stamp(StorageTier.Hot, s_codecs), study.ReceivedAt) };
        Assert.False(policy.IsDue(looked, s_codecs, s_now));
        Assert.True(policy.IsDue(looked with { ReceivedAt = s_now.AddDays(-2) }, s_codecs, s_now));
        Assert.True(policy.IsDue(looked with { Tier = StorageTier.Warm }, s_codecs, s_now));
        Assert.True((policy with { Rules = [new CompressionRule(["CT"], null, "jpeg-ls", 1)] }).IsDue(looked, s_codecs, s_now));

        // The codec has been installed meanwhile.
        Assert.True(policy.IsDue(looked, new PictureCodecs([new Named("jpeg-ls", null), new Named("jpeg2000", null)]), s_now));
    }

    [Fact]
    public void Faults_NameTheFields()
    {
        Assert.Empty(CompressionPolicy.None.Faults(s_codecs));
        Assert.Empty(new CompressionPolicy(1, 0, [new CompressionRule(null, null, "jpeg2000", null), new CompressionRule(null, null, "none", 0)]).Faults(s_codecs));
        Assert.Equal(["afterDays", "rules[0].codec", "rules[1].minBytes", "rules[1].tiers"],
            new CompressionPolicy(1, -1, [new CompressionRule(null, null, "zip", null), new CompressionRule(null, [(StorageTier)9], "jpeg-ls", -1)]).Faults(s_codecs));
        Assert.Equal(["rules"], new CompressionPolicy(1, 1, [.. Enumerable.Repeat(new CompressionRule(null, null, "none", null), 51)]).Faults(s_codecs));
    }

    private static StudySummary Study(string modality, DateTimeOffset receivedAt) => new()
    {
        StudyKey = "k", StudyInstanceUid = "1.2", PatientKey = "p", Attributes = new StudyAttributes { Modalities = [modality] }, State = StudyState.Complete, ReceivedAt = receivedAt,
    };

    private sealed class Named(string name, string? missing) : IPictureCodec
    {
        public byte Id => 1;

        public string Name => name;

        public string? Missing => missing;

        public byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits) => throw new InvalidDataException();

        public void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture) => throw new InvalidDataException();
    }
}
