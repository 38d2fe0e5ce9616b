using Microsoft.Extensions.Logging;
using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.Core.Institutions;

namespace Skylight.Core.Compression;

/// <summary>Studies to compress, and where to look for more; no more when <paramref name="Next"/> is null.</summary>
public sealed record CompressionPlan(IReadOnlyList<string> Studies, string? Next);

/// <summary>Finds the studies that an institution's policy wants compressed and that have not been looked at.</summary>
public sealed class CompressionSweep(
    ICatalog catalog, CompressionPolicies policies, InstitutionDirectory institutions, PictureCodecs codecs, TimeProvider time, ILogger<CompressionSweep> logger)
{
    /// <summary>Studies looked at for one plan.</summary>
    private const int Page = 500;

    /// <summary>Institutions that have a policy.</summary>
    public async Task<IReadOnlyList<string>> InstitutionsAsync(CancellationToken cancellationToken) =>
        await institutions.CodesAsync(cancellationToken).Where(async (code, token) => await policies.FindAsync(code, token) is { Value.Rules.Count: > 0 }).ToListAsync(cancellationToken);

    public async Task<CompressionPlan> PlanAsync(string institution, string? next, CancellationToken cancellationToken)
    {
        var policy = (await policies.FindAsync(institution, cancellationToken))?.Value ?? CompressionPolicy.None;
        if (policy.Rules.Count == 0) return new CompressionPlan([], null);
        if (next is null)
        {
            foreach (var name in policy.Rules.Select(rule => rule.Codec).Distinct())
                if (codecs.Named(name)?.Missing is { } missing) Log.CodecMissing(logger, institution, name, missing);
        }

        var page = await catalog.QueryStudiesAsync(institution, new StudyQuery(), Page, 0, next, cancellationToken);
        var now = time.GetUtcNow();
        return new CompressionPlan([.. page.Items.Where(study => policy.IsDue(study, codecs, now)).Select(study => study.StudyKey)], page.Continuation);
    }
}
