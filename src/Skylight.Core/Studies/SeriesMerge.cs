using Microsoft.Extensions.Logging;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;

namespace Skylight.Core.Studies;

/// <summary>
/// Merges the small parts that many commits leave of a series into one: fewer objects to keep, one read instead of many, and a short study document. Readers
/// see the same instances before and after; the objects that were replaced live on for a day (<see cref="RetiredObjects"/>). Safe to repeat and to interrupt.
/// </summary>
public sealed class SeriesMerge(
    ICatalog catalog, ICommit commit, IObjectStore store, StudyKeys keys, PackReader packs, RetiredObjects retired, TimeProvider time, ILogger<SeriesMerge> logger)
{
    /// <summary>A part whose pack is larger than this is left alone, and so is everything before it: 64 MiB.</summary>
    private const long LargePackBytes = 64L << 20;

    /// <summary>Merges what is worth merging in all series of a study. Answers the names that the study no longer refers to; empty when nothing was done.</summary>
    /// <exception cref="SealedObjectException">A part is damaged; the study is as it was.</exception>
    public async Task<IReadOnlyList<string>> MergeAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var stored = await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken);
        // Held content is decided about by the part that it lies in, and a hidden study waits to be erased.
        if (stored is not { Value: { ProvisionalOf: null, Hidden: false } study }) return [];
        var written = new List<CompactedPart>();
        var replaced = new List<string>();
        var next = study.Series.ToArray();
        for (var i = 0; i < next.Length; i++)
        {
            if (await MergeAsync(study, next[i], cancellationToken) is not { } merged) continue;
            written.AddRange(merged.Result.Parts);
            replaced.AddRange(merged.Result.Replaced);
            next[i] = merged.Series;
        }

        if (replaced.Count == 0) return [];

        // Recorded first, old names and new: whatever happens next, what the study turns out not to name is deleted in the end.
        var names = written.SelectMany(part => (string[])[part.Pack.Name, part.Index.Name, part.Metadata.Name]).Concat(replaced).ToArray();
        await retired.AddAsync(institution, studyKey, names, cancellationToken);
        var change = StudyChange.Of(study, study with { Series = next }, []);
        if (await commit.CommitAsync(new CommitBatch(change, []), cancellationToken) == CommitOutcome.Conflict) return [];
        Log.Merged(logger, institution, studyKey, study.Series.Sum(series => series.Parts.Count), next.Sum(series => series.Parts.Count));
        return replaced;
    }

    /// <summary>
    /// The last parts that no newer ones together outweigh twofold: so an instance is copied a logarithmic number of times in all, however its series arrives.
    /// </summary>
    internal static int FirstToMerge(IReadOnlyList<SeriesPart> parts)
    {
        var (first, total) = (parts.Count, 0L);
        while (first > 0 && parts[first - 1] is { Folder: null } part && (total == 0 || part.Count <= 2 * total)) total += parts[--first].Count;
        return first;
    }

    private async Task<(SeriesRecord Series, CompactionResult Result)?> MergeAsync(StudyDocument study, SeriesRecord series, CancellationToken cancellationToken)
    {
        var first = FirstToMerge(series.Parts);
        for (var i = series.Parts.Count - 1; i >= first; i--)
        {
            var index = await SeriesIndex.ReadAsync(store, series.Parts[i].ObjectName(study, series.Parts[i].Index), keys, cancellationToken);
            if (index.Entries.Any(entry => entry.Pack.Length > LargePackBytes)) first = i + 1;
        }

        if (series.Parts.Count - first < 2) return null;
        var run = series.Parts.Skip(first).Select(part => new SeriesParts(part.ObjectName(study, part.Index), part.ObjectName(study, part.Metadata))).ToArray();
        using var key = await keys.GetOrCreateAsync(study.Institution, study.StudyKey, cancellationToken);
        var compactor = new SeriesCompactor(store, keys, packs, SealOptions.Default);
        var result = await compactor.CompactAsync(SealedName.Folder(study.Institution, study.StudyKey), key, run, cancellationToken);
        var parts = result.Parts.Select(part => new SeriesPart(Last(part.Pack.Name), Last(part.Index.Name), Last(part.Metadata.Name), part.Count));
        return (series with { Parts = [.. series.Parts.Take(first), .. parts] }, result);
    }

    /// <summary>
    /// Merges every study that these objects belong to, one after another. Answers which of the objects nothing refers to any more: those retired for the whole
    /// grace time may be dropped, the others must still be readable.
    /// </summary>
    public async ValueTask<(IReadOnlySet<string> Expired, IReadOnlySet<string> Waiting)> MergeOwnersAsync(IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        foreach (var (institution, studyKey) in objects.Select(ObjectName.Owner).Distinct())
        {
            try
            {
                await MergeAsync(institution, studyKey, cancellationToken);
            }
            catch (Exception error) when (error is SealedObjectException or KeyUnavailableException or ObjectMissingException)
            {
                // One study's damage must not keep the others from being stored; the scrub reports it.
                Log.MergeFailed(logger, institution, studyKey, error);
            }
        }

        return await retired.AmongAsync(objects, time.GetUtcNow(), cancellationToken);
    }

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];
}
