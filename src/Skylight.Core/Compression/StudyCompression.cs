using Microsoft.Extensions.Logging;
using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;

namespace Skylight.Core.Compression;

/// <summary>How far compressing a study has come.</summary>
/// <param name="Next">The series to go on with; null when the study is done.</param>
public sealed record CompressionStep(string? Next, CodingTally Tally);

/// <summary>
/// Compresses one study as its institution's policy says, series by series: each is written anew beside what is there, read back and compared with the digests of
/// what was received, and only then exchanged in the study document. Whatever breaks off in between leaves the series as it was; a repetition goes on.
/// </summary>
public sealed class StudyCompression(
    ICatalog catalog, CompressionPolicies policies, SeriesMerge merge, StudyTiers tiers, PixelRegions regions, PictureCodecs codecs, TimeProvider time, ILogger<StudyCompression> logger)
{
    /// <summary>After the first failed proof what failed is left out; a codec that fails again and again is not worth more.</summary>
    private const int Attempts = 3;

    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(30);

    /// <summary>Compresses series from <paramref name="next"/> on, until that has taken a while; the last step remembers that the study has been looked at.</summary>
    /// <param name="next">Null to begin with.</param>
    public async Task<CompressionStep> CompressAsync(string institution, string studyKey, string? next, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var policy = (await policies.FindAsync(institution, cancellationToken))?.Value ?? CompressionPolicy.None;
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { ProvisionalOf: null, Hidden: false, Tier: not StorageTier.Archive } study })
            return new CompressionStep(null, CodingTally.None);
        var tally = CodingTally.None;
        foreach (var series in study.Series.OrderBy(series => series.SeriesKey, StringComparer.Ordinal).SkipWhile(series => next is not null && string.CompareOrdinal(series.SeriesKey, next) < 0))
        {
            if (time.GetElapsedTime(started) > LongEnough) return new CompressionStep(series.SeriesKey, await SettleAsync(study, tally, cancellationToken));
            if (policy.RuleFor(series.Attributes.Modality, study.Tier, codecs) is { } rule) tally += await SeriesAsync(study, series.SeriesKey, rule, cancellationToken);
        }

        await SettleAsync(study, tally, cancellationToken);
        var mark = new StudyCompressionMark(policy.Stamp(study.Tier, codecs), study.ReceivedAt);
        await tiers.SetAsync(institution, studyKey, current => current with { Compression = mark }, cancellationToken);
        return new CompressionStep(null, tally);
    }

    private async Task<CodingTally> SeriesAsync(StudyDocument study, string seriesKey, CompressionRule rule, CancellationToken cancellationToken)
    {
        var codec = codecs.Named(rule.Codec)!;
        var coding = new SeriesCoding(codec, async (entry, token) => entry.Length < rule.Least ? null : await regions.FindAsync(entry, token));
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                return await merge.CodeAsync(study.Institution, study.StudyKey, seriesKey, coding, cancellationToken);
            }
            catch (CodingProofException error)
            {
                Log.Unproven(logger, study.Institution, study.StudyKey, error);
            }
        }

        return CodingTally.None;
    }

    /// <summary>New packs are hot; those of a study that has left that tier follow it.</summary>
    private async Task<CodingTally> SettleAsync(StudyDocument study, CodingTally tally, CancellationToken cancellationToken)
    {
        if (tally.Coded == 0) return tally;
        Log.Compressed(logger, study.Institution, study.StudyKey, tally.Coded, tally.Bytes, tally.StoredBytes);
        if (study.Tier != StorageTier.Hot) await tiers.MoveAsync(study.Institution, study.StudyKey, study.Tier, cancellationToken);
        return tally;
    }
}
