using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Coding;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;

namespace Skylight.Core.Tests.Compression;

/// <summary>Compression over the real stores. Everything is made anew for each call, as after a restart.</summary>
internal sealed class CompressionBench(IngestBench bench, PictureCodecs? codecs = null)
{
    public PictureCodecs Codecs { get; } = codecs ?? Pictures.Codecs();

    public PackReader Packs => new(bench.Store, bench.Keys, Codecs);

    public CompressionPolicies Policies => new(bench.Documents);

    public RetiredObjects Retired => new(bench.Documents, bench.Catalog, bench.Parts, bench.Store, bench.Time, NullLogger<RetiredObjects>.Instance);

    public SeriesMerge Merge => new(bench.Catalog, bench.Commit, bench.Parts, bench.Store, bench.Keys, Packs, Retired, bench.Time, NullLogger<SeriesMerge>.Instance);

    public StudyTiers Tiers => new(bench.Catalog, bench.Commit, bench.Parts, bench.Store, bench.Time, NullLogger<StudyTiers>.Instance);

    public CompressionSweep Sweep => new(bench.Catalog, Policies, new InstitutionDirectory(bench.Documents), Codecs, bench.Time, NullLogger<CompressionSweep>.Instance);

    public long PieceBytes { get; set; } = 1 << 30;

    public StudyCompression Compression =>
        new(bench.Catalog, Policies, Merge, Tiers, new PixelRegions(Packs), Codecs, Options.Create(new CompressionOptions { PieceBytes = PieceBytes }), bench.Time, NullLogger<StudyCompression>.Instance);

    /// <summary>A codec by name; the test is skipped where its library is missing.</summary>
    public static string Usable(string codec)
    {
        if (Pictures.Codecs().Named(codec)!.Missing is { } missing) Assert.Skip(missing);
        return codec;
    }

    public async Task PolicyAsync(string codec, long? minBytes = 1) =>
        await Policies.PutAsync(IngestBench.A, new CompressionPolicy(1, 0, [new CompressionRule(null, null, codec, minBytes)]), Match.Any, default);

    public async Task<CodingTally> CompressAsync(string? studyKey = null)
    {
        var tally = CodingTally.None;
        string? next = null;
        do
        {
            var step = await Compression.CompressAsync(IngestBench.A, studyKey ?? (await bench.Study()).StudyKey, next, default);
            (next, tally) = (step.Next, tally + step.Tally);
        }
        while (next is not null);
        return tally;
    }

    public async Task CompleteAsync()
    {
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        await new StudyClock(bench.Catalog, bench.Commit, Merge, bench.Time).AdvanceAsync(default);
    }

    /// <summary>Reads an instance through every way there is and compares it with what was received.</summary>
    public async Task SameAsync(IndexEntry entry)
    {
        var bytes = new byte[entry.Length];
        await Packs.ReadAsync(entry, 0, bytes, default);
        Assert.Equal(Convert.ToHexString(entry.FileSha256), Convert.ToHexString(SHA256.HashData(bytes)));
        await using var stream = await Packs.OpenStreamAsync(entry, default);
        Assert.Equal(Convert.ToHexString(entry.FileSha256), Convert.ToHexString(await SHA256.HashDataAsync(stream)));
    }

    public async Task<VerifyReport> VerifyAsync()
    {
        var records = new DocumentKeyRecords(bench.Documents);
        var studies = new StudyVerifier(bench.Catalog, bench.Documents, bench.Parts, bench.Store, bench.Keys, records, new InstanceBytes(Packs, NullLogger<InstanceBytes>.Instance));
        return await new ArchiveVerifier(studies, bench.Catalog, bench.Store, bench.Keys, records, new InstitutionDirectory(bench.Documents), bench.Items, Retired, new ErasedContent(bench.Catalog, bench.Documents, bench.Store, bench.Keys, bench.Parts, bench.Secrets), bench.Time)
            .VerifyAsync([IngestBench.A], VerifyDepth.Deep, default);
    }
}
