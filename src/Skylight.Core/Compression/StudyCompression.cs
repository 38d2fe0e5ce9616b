using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;

namespace Skylight.Core.Compression;

/// <summary>How far compressing a study has come.</summary>
/// <param name="Next">The series to go on with, and the entries of it that have been looked at, as <c>{series}:{entries}</c>; null when the study is done.</param>
public sealed record CompressionStep(string? Next, CodingTally Tally);

/// <summary>
/// Compresses one study as its institution's policy says, series by series: each is written anew beside what is there, read back and compared with the digests of
/// what was received, and only then exchanged in the study document. Whatever breaks off in between leaves the series as it was; a repetition goes on.
/// </summary>
public sealed class StudyCompression(
    ICatalog catalog, CompressionPolicies policies, SeriesMerge merge, StudyTiers tiers, PixelRegions regions, PictureCodecs codecs, IOptions<CompressionOptions> options, TimeProvider time,
    ILogger<StudyCompression> logger)
{
    /// <summary>After the first failed proof what failed is left out; a codec that fails again and again is not worth more.</summary>
    private const int Attempts = 3;

    /// <summary>A step ends after the series, or the piece of one, in which this has passed.</summary>
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(30);

    /// <summary>Compresses series from <paramref name="next"/> on, piece by piece, until that has taken a while; the last step remembers that the study has been looked at.</summary>
    /// <param name="next">Null to begin with.</param>
    public async Task<CompressionStep> CompressAsync(string institution, string studyKey, string? next, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var policy = (await policies.FindAsync(institution, cancellationToken))?.Value ?? CompressionPolicy.None;
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { ProvisionalOf: null, Hidden: false, Tier: not StorageTier.Archive } study })
            return new CompressionStep(null, CodingTally.None);
        var tally = CodingTally.None;
        var (begin, looked) = Place(next);
        foreach (var series in study.Series.OrderBy(series => series.SeriesKey, StringComparer.Ordinal).SkipWhile(series => string.CompareOrdinal(series.SeriesKey, begin) < 0))
        {
            if (policy.RuleFor(series.Attributes.Modality, study.Tier, codecs) is not { } rule) continue;
            for (var from = (long?)(series.SeriesKey == begin ? looked : 0); from is { } place;)
            {
                if (time.GetElapsedTime(started) > LongEnough)
                    return new CompressionStep(FormattableString.Invariant($"{series.SeriesKey}:{place}"), await SettleAsync(study, tally, cancellationToken));
                var piece = await PieceAsync(study, series.SeriesKey, rule, place, cancellationToken);
                (tally, from) = (tally + piece.Tally, piece.Next);
            }
        }

        await SettleAsync(study, tally, cancellationToken);
        var mark = new StudyCompressionMark(policy.Stamp(study.Tier, codecs), study.ReceivedAt);
        await tiers.SetAsync(institution, studyKey, current => current with { Compression = mark }, cancellationToken);
        return new CompressionStep(null, tally);
    }

    private static (string SeriesKey, long Looked) Place(string? next)
    {
        var at = next?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        return at < 0 ? (next ?? "", 0) : (next![..at], long.Parse(next.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }

    private async Task<CodingStep> PieceAsync(StudyDocument study, string seriesKey, CompressionRule rule, long from, CancellationToken cancellationToken)
    {
        var codec = codecs.Named(rule.Codec)!;
        var coding = new SeriesCoding(codec, async (entry, token) => entry.Length < rule.Least ? null : await regions.FindAsync(entry, token));
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                return await merge.CodeAsync(study.Institution, study.StudyKey, seriesKey, coding, from, options.Value.PieceBytes, cancellationToken);
            }
            catch (CodingProofException error)
            {
                Log.Unproven(logger, study.Institution, study.StudyKey, error);
            }
        }

        return CodingStep.Done;
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
