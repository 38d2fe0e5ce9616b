using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Institutions;

namespace Skylight.Core.Tiers;

/// <summary>A study that is to move.</summary>
public sealed record PlannedMove(string StudyKey, StorageTier Tier);

/// <summary>Moves to make, and where to look for more; no more when <paramref name="Next"/> is null.</summary>
public sealed record TierPlan(IReadOnlyList<PlannedMove> Moves, string? Next);

/// <summary>Finds the studies that an institution's policy wants elsewhere.</summary>
public sealed class TierSweep(ICatalog catalog, TierPolicies policies, StudyUse use, InstitutionDirectory institutions, IOptions<TierOptions> options, TimeProvider time)
{
    /// <summary>Studies looked at for one plan.</summary>
    private const int Page = 500;

    /// <summary>Institutions that have a policy.</summary>
    public async Task<IReadOnlyList<string>> InstitutionsAsync(CancellationToken cancellationToken) =>
        await institutions.CodesAsync(cancellationToken).Where(async (code, token) => await policies.FindAsync(code, token) is { Value.Rules.Count: > 0 }).ToListAsync(cancellationToken);

    public async Task<TierPlan> PlanAsync(string institution, string? next, CancellationToken cancellationToken)
    {
        var policy = (await policies.FindAsync(institution, cancellationToken))?.Value ?? TierPolicy.None;
        if (policy.Rules.Count == 0) return new TierPlan([], null);
        var now = time.GetUtcNow();
        var keep = TimeSpan.FromDays(options.Value.KeepAccessedDays);
        var page = await catalog.QueryStudiesAsync(institution, new StudyQuery(), Page, 0, next, cancellationToken);
        var moves = new List<PlannedMove>();
        foreach (var study in page.Items)
        {
            if (study.State != StudyState.Complete) continue;
            var wanted = policy.Wanted(study, null, keep, now);

            // When it was last read is looked up only where it can matter.
            if (wanted == StorageTier.Archive && study.Tier != StorageTier.Archive) wanted = policy.Wanted(study, await use.LastAsync(institution, study.StudyKey, cancellationToken), keep, now);
            if (IsDue(study, wanted)) moves.Add(new PlannedMove(study.StudyKey, wanted));
        }

        return new TierPlan(moves, page.Continuation);
    }

    /// <summary>Colder than now, or the same with packs that came after the last move. Nothing gets warmer by policy: reading does not depend on it.</summary>
    private static bool IsDue(StudySummary study, StorageTier wanted) =>
        wanted > study.Tier || (wanted == study.Tier && wanted != StorageTier.Hot && (study.TierAt is null || study.TierAt < study.ReceivedAt));
}
