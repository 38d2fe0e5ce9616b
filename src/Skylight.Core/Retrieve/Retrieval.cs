using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Tiers;

namespace Skylight.Core.Retrieve;

/// <summary>What an address of WADO-RS names: a study, one of its series, or one instance of that.</summary>
public sealed record RetrieveTarget(string StudyInstanceUid, string? SeriesInstanceUid = null, string? SopInstanceUid = null);

/// <summary>One instance to be given out: its series and its index entry.</summary>
public sealed record RetrievedInstance(SeriesRecord Series, IndexEntry Entry);

/// <summary>The instances that a target names, in the order of series and instance numbers; at least one.</summary>
public sealed record Retrieved(StudyDocument Study, IReadOnlyList<RetrievedInstance> Instances)
{
    /// <summary>Corrections in force, to be laid over what goes out.</summary>
    public IReadOnlyList<Correction> Corrections { get; init; } = [];

    /// <summary>Those of one instance.</summary>
    public IReadOnlyList<Correction> CorrectionsOf(RetrievedInstance instance) =>
        Corrections.Count == 0 ? [] : [.. Corrections.Where(item => item.AppliesTo(instance.Series.SeriesInstanceUid, instance.Entry.SopInstanceUid))];
}

/// <summary>Finds what a retrieve request names, in its current revision.</summary>
public sealed class Retrieval(ICatalog catalog, StudyReader reader, StudyUse use)
{
    /// <summary>The study, if it has what the target names; null when there is no such thing. The caller has been admitted to the study.</summary>
    public async ValueTask<StudyDocument?> FindStudyAsync(string institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyAsync(institution, target.StudyInstanceUid, cancellationToken) is not { Value: var study } || !study.IsVisible()) return null;
        return target.SeriesInstanceUid is null || Series(study, target).Any() ? study : null;
    }

    /// <summary>The instances of a target; null when there are none.</summary>
    public async ValueTask<Retrieved?> FindAsync(string institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        if (await FindStudyAsync(institution, target, cancellationToken) is not { } study) return null;
        var found = new List<RetrievedInstance>();
        // Numbers kept as text: the shorter is the smaller.
        foreach (var series in Series(study, target).OrderBy(s => s.Attributes.SeriesNumber?.Length).ThenBy(s => s.Attributes.SeriesNumber, StringComparer.Ordinal))
        {
            if (target.SopInstanceUid is null)
            {
                foreach (var entry in await reader.ListAsync(study, series, cancellationToken)) found.Add(new RetrievedInstance(series, entry));
            }
            else if (await reader.FindAsync(study, series, target.SopInstanceUid, cancellationToken) is { } one)
            {
                found.Add(new RetrievedInstance(series, one));
            }
        }
        if (found.Count == 0) return null;
        use.Touch(institution, study.StudyKey);
        return new Retrieved(study, found) { Corrections = await reader.CorrectionsAsync(study, cancellationToken) };
    }

    /// <summary>The series of a study that a target names, those without current instances left out.</summary>
    public static IEnumerable<SeriesRecord> Series(StudyDocument study, RetrieveTarget target) =>
        study.Series.Where(s => s.Instances > 0 && (target.SeriesInstanceUid is null || s.SeriesInstanceUid == target.SeriesInstanceUid));
}
