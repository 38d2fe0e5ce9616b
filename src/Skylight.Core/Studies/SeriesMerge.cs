using Microsoft.Extensions.Logging;
using Skylight.Archive.Coding;
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
    ICatalog catalog, ICommit commit, StudyParts parts, IObjectStore store, StudyKeys keys, PackReader packs, RetiredObjects retired, TimeProvider time, ILogger<SeriesMerge> logger)
{
    /// <summary>A part whose pack is larger than this is left alone, and so is everything before it: 16 MiB. To write it again costs more than its readers save.</summary>
    private const long LargePackBytes = 16L << 20;

    /// <summary>A study may change this often while a merge of it is being committed; then the merge is left for the next time.</summary>
    private const int Attempts = 20;

    private readonly SideObjects _others = new(store, keys);

    /// <summary>Merges what is worth merging in all series of a study. Answers the names that the study no longer refers to; empty when nothing was done.</summary>
    /// <exception cref="SealedObjectException">A part is damaged; the study is as it was.</exception>
    public async Task<IReadOnlyList<string>> MergeAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (await StudyAsync(institution, studyKey, cancellationToken) is not { } study) return [];
        var merges = new List<Merge>();
        foreach (var (seriesKey, list) in await parts.ListAllAsync(study, cancellationToken))
            if (await CompactAsync(study, seriesKey, list, cancellationToken) is { } merge) merges.Add(merge);
        return merges.Count == 0 ? [] : await ExchangeAsync(institution, studyKey, merges, SealOptions.Default, cancellationToken);
    }

    /// <summary>
    /// Writes every series with deleted revisions anew without them, whatever its size. Answers the names that the study no longer refers to, empty when there was
    /// nothing to drop; null when the study is archived, so that nothing can be dropped before it is rehydrated. Nobody who reads what is left sees a difference.
    /// </summary>
    /// <exception cref="IOException">The study was changed by others at every attempt; the deleted revisions are still there.</exception>
    /// <inheritdoc cref="MergeAsync" path="/exception"/>
    public async Task<IReadOnlyList<string>?> DropAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { ProvisionalOf: null } study }) return [];
        var merges = new List<Merge>();
        foreach (var (seriesKey, list) in await parts.ListAllAsync(study, cancellationToken))
        {
            var deltas = new List<SeriesIndex>();
            foreach (var part in list) deltas.Add(await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken));
            if (deltas.Count == 0 || SeriesIndex.Merge(deltas).Entries.All(entry => entry.State != EntryState.Deleted)) continue;
            if (study.Tier == StorageTier.Archive) return null;
            merges.Add(await CompactAsync(study, seriesKey, [.. list], whole: true, cancellationToken));
        }

        if (merges.Count == 0) return [];
        return await ExchangeAsync(institution, studyKey, merges, SealOptions.Default, cancellationToken) is { Count: > 0 } replaced
            ? replaced : throw new IOException("The study was changed by others at every attempt.");
    }

    /// <summary>Whether a study cannot be sealed anew yet: its packs are archived, or something in it waits to be decided about.</summary>
    public async ValueTask<bool> MustWaitAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is { } study
        && (study.ProvisionalOf is not null || study.Tier == StorageTier.Archive || (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list).Any(part => part.Folder is not null));

    /// <summary>
    /// Seals a study anew: every series of which some object is under another key or cipher than new objects are is rewritten whole, and so are its corrections
    /// and its manifest. Safe to repeat and to interrupt; a study that is new already is left alone.
    /// </summary>
    /// <param name="options">How new objects are sealed.</param>
    /// <exception cref="SealedObjectException">A part is damaged; the study is as it was.</exception>
    public async Task<ResealOutcome> ResealAsync(string institution, string studyKey, SealOptions options, CancellationToken cancellationToken)
    {
        if ((await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } study) return ResealOutcome.Current;
        if (study.ProvisionalOf is not null || study.Tier == StorageTier.Archive) return ResealOutcome.Waiting;
        var merges = new List<Merge>();
        using var key = await keys.GetCurrentAsync(institution, studyKey, cancellationToken);
        foreach (var (seriesKey, list) in await parts.ListAllAsync(study, cancellationToken))
        {
            if (list.Count == 0 || !await IsOldAsync(study, list, key.Id, options, cancellationToken)) continue;
            if (list.Any(part => part.Folder is not null)) return ResealOutcome.Waiting;
            merges.Add(new Merge(seriesKey, [.. list], await WriteAsync(study, list, key, options, whole: true, cancellationToken)));
        }

        if (merges.Count == 0 && !await _others.AreOldAsync(study, key.Id, options, cancellationToken)) return ResealOutcome.Current;
        return (await ExchangeAsync(institution, studyKey, merges, options, cancellationToken, reseal: true)).Count > 0 ? ResealOutcome.Resealed : ResealOutcome.Waiting;
    }

    /// <summary>
    /// Rewrites parts of a series compressed, from the first on in which there is something to compress, until so many bytes have been; the rest stays where it
    /// is. Content that was accepted from elsewhere, and what lies before it, keeps its place. Safe to repeat and to interrupt. Answers what was compressed, which is
    /// nothing when the study was changed at every attempt, and where to go on.
    /// </summary>
    /// <param name="from">Entries at the beginning of the series that have been looked at: 0 to begin with, then what the last call said.</param>
    /// <param name="bytes">Stored bytes after which a call has done enough; one instance is the least.</param>
    /// <exception cref="CodingProofException">Something would not come back equal; the study is as it was.</exception>
    /// <inheritdoc cref="MergeAsync" path="/exception"/>
    public async Task<CodingStep> CodeAsync(string institution, string studyKey, string seriesKey, SeriesCoding coding, long from, long bytes, CancellationToken cancellationToken)
    {
        if (await StudyAsync(institution, studyKey, cancellationToken) is not { } study) return CodingStep.Done;
        var list = await parts.ListAsync(study, seriesKey, cancellationToken);
        var own = list.Count;
        while (own > 0 && list[own - 1].Folder is null) own--;
        var indexes = new SeriesIndex[list.Count];
        for (var i = own; i < list.Count; i++) indexes[i] = await SeriesIndex.ReadAsync(store, list[i].ObjectName(study, list[i].Index), keys, cancellationToken);

        // Whatever has been merged meanwhile: from the last place that is surely behind nothing new.
        var (first, looked) = (0, 0L);
        while (first < list.Count && looked + list[first].Count <= from) looked += list[first++].Count;
        first = Math.Max(first, own);
        while (first < list.Count && !indexes[first].Entries.Any(coding.MayTry)) first++;
        if (first == list.Count) return CodingStep.Done;
        var last = LastToCode(indexes, first, bytes);
        using var key = await keys.GetCurrentAsync(institution, studyKey, cancellationToken);
        SeriesPart[] run = [.. list.Skip(first).Take(last + 1 - first)];
        var result = await WriteAsync(study, run, key, SealOptions.Default, whole: run.Length == list.Count, cancellationToken, coding, bytes);
        if (result.Replaced.Count == 0) return new CodingStep(coding.Tally, null);
        if ((await ExchangeAsync(institution, studyKey, [new Merge(seriesKey, run, result)], SealOptions.Default, cancellationToken)).Count == 0) return CodingStep.Done;
        var done = list.Take(first).Sum(part => (long)part.Count) + result.Parts.SkipLast(result.Left).Sum(part => (long)part.Count);
        return new CodingStep(coding.Tally, result.Left > 0 || last + 1 < list.Count ? done : null);
    }

    /// <summary>
    /// The last part to rewrite with the first one: so many that there is enough to do, and all that name packs of theirs, since a part that says another state of
    /// instances must not be left with packs that go.
    /// </summary>
    private static int LastToCode(SeriesIndex[] indexes, int first, long bytes)
    {
        var packs = new HashSet<string>(StringComparer.Ordinal);
        for (var (last, next, size) = (first, first, 0L); ; last++)
        {
            for (; next <= last; next++)
            {
                foreach (var entry in indexes[next].Entries)
                {
                    packs.Add(entry.Pack.Name);
                    if (entry.State != EntryState.Deleted) size += entry.StoredLength;
                }

                for (var later = indexes.Length - 1; later > last; later--)
                    if (indexes[later].Entries.Any(entry => packs.Contains(entry.Pack.Name))) last = later;
            }

            if (size >= bytes || last == indexes.Length - 1) return last;
        }
    }

    private async ValueTask<bool> IsOldAsync(StudyDocument study, IReadOnlyList<SeriesPart> list, KeyId key, SealOptions options, CancellationToken cancellationToken)
    {
        foreach (var part in list)
        {
            foreach (var name in (string[])[part.Pack, part.Index, part.Metadata])
            {
                if (name.Length > 0 && await _others.IsOldAsync(part.ObjectName(study, name), key, options, cancellationToken)) return true;
            }
        }

        return false;
    }

    /// <summary>Exchanges the runs for what they were merged into. Answers the names that the study no longer refers to; empty when it changed too often meanwhile.</summary>
    /// <param name="reseal">Seal anew what lies beside the series, too.</param>
    private async Task<IReadOnlyList<string>> ExchangeAsync(
        string institution, string studyKey, List<Merge> merges, SealOptions options, CancellationToken cancellationToken, bool reseal = false)
    {
        // Recorded first, old names and new: whatever happens next, what the study turns out not to name is deleted in the end.
        var replaced = merges.SelectMany(merge => merge.Result.Replaced).ToList();
        var written = merges.SelectMany(merge => merge.Result.Parts).SelectMany(part => (string[])[part.Pack.Name, part.Index.Name, part.Metadata.Name]);
        if (merges.Count > 0) await retired.AddAsync(institution, studyKey, [.. written, .. replaced], cancellationToken);

        // More may have arrived meanwhile. The runs are neighbours still, so they are exchanged in whatever the study has become.
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if ((await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } current) return [];
            if (await ExchangeAsync(current, merges, cancellationToken) is not { } next) return [];
            if (current.Manifest is { } manifest)
            {
                await retired.AddAsync(institution, studyKey, [manifest], cancellationToken);
                if (!replaced.Contains(manifest)) replaced.Add(manifest);
            }

            (next, var others) = reseal ? await _others.ResealAsync(next, options, cancellationToken) : (next, []);
            if (others.Count > 0)
            {
                var old = current.SideObjects().Except(next.SideObjects()).ToList();
                await retired.AddAsync(institution, studyKey, [.. others.Select(item => item.Name), .. old], cancellationToken);
                replaced.AddRange(old.Except(replaced));
            }

            (next, var spilled) = await parts.SpillAsync(next, keys, options, cancellationToken);
            SmallObject[] objects = spilled is null ? [.. others] : [.. others, spilled];
            try
            {
                if (await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(current, next), objects), cancellationToken) != CommitOutcome.Committed) continue;
            }
            finally
            {
                foreach (var item in objects) item.Dispose();
            }

            Log.Merged(logger, institution, studyKey, merges.Sum(merge => merge.Run.Count), merges.Sum(merge => merge.Parts.Count));
            return replaced;
        }

        return [];
    }

    /// <summary>
    /// Null for a study that is left alone: held content is decided about by the part that it lies in, a hidden study waits to be erased, and the packs of an
    /// archived one cannot be read.
    /// </summary>
    private async ValueTask<StudyDocument?> StudyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is { Value: { ProvisionalOf: null, Tier: not StorageTier.Archive, Hidden: false } study } ? study : null;

    /// <summary>The study with every run exchanged and all part lists in the document; null when a run is no longer there as it was.</summary>
    private async ValueTask<StudyDocument?> ExchangeAsync(StudyDocument study, List<Merge> merges, CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, IReadOnlyList<SeriesPart>>(await parts.ListAllAsync(study, cancellationToken));
        foreach (var merge in merges)
        {
            if (!all.TryGetValue(merge.SeriesKey, out var list)) return null;
            var at = Enumerable.Range(0, list.Count).FirstOrDefault(i => list.Skip(i).Take(merge.Run.Count).SequenceEqual(merge.Run), -1);
            if (at < 0 || await AnyNamesAsync(study, list.Skip(at + merge.Run.Count), merge.Result.Replaced, cancellationToken)) return null;
            all[merge.SeriesKey] = [.. list.Take(at), .. merge.Parts, .. list.Skip(at + merge.Run.Count)];
        }

        var dropped = merges.ToDictionary(merge => merge.SeriesKey, merge => merge.Result.DroppedBytes);
        return study with
        {
            Manifest = null,

            // What was written anew is hot, and has to follow the study.
            TierAt = study.Tier == StorageTier.Hot ? study.TierAt : null,

            // A series of which nothing is left has no record either.
            Series =
            [
                .. study.Series.Where(series => all[series.SeriesKey].Count > 0).Select(series => series with
                {
                    Parts = all[series.SeriesKey],
                    PartsInManifest = 0,
                    Bytes = series.Bytes - dropped.GetValueOrDefault(series.SeriesKey),
                }),
            ],
        };
    }

    /// <summary>
    /// Whether a part that was committed meanwhile changes states of instances by naming the packs that they lay in: exchanged now, it would go on naming them
    /// when they are gone. The next merge takes it in.
    /// </summary>
    private async ValueTask<bool> AnyNamesAsync(StudyDocument study, IEnumerable<SeriesPart> later, IReadOnlyList<string> replaced, CancellationToken cancellationToken)
    {
        foreach (var part in later)
        {
            var index = await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken);
            if (index.Entries.Any(entry => replaced.Contains(entry.Pack.Name))) return true;
        }

        return false;
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

    private async Task<Merge?> CompactAsync(StudyDocument study, string seriesKey, IReadOnlyList<SeriesPart> list, CancellationToken cancellationToken)
    {
        var first = FirstToMerge(list);
        for (var i = list.Count - 1; i >= first; i--)
        {
            var index = await SeriesIndex.ReadAsync(store, list[i].ObjectName(study, list[i].Index), keys, cancellationToken);
            if (index.Entries.Any(entry => entry.Pack.Length > LargePackBytes)) first = i + 1;
        }

        if (list.Count - first < 2) return null;
        return await CompactAsync(study, seriesKey, [.. list.Skip(first)], whole: first == 0, cancellationToken);
    }

    private async Task<Merge> CompactAsync(StudyDocument study, string seriesKey, SeriesPart[] run, bool whole, CancellationToken cancellationToken)
    {
        using var key = await keys.GetCurrentAsync(study.Institution, study.StudyKey, cancellationToken);
        return new Merge(seriesKey, run, await WriteAsync(study, run, key, SealOptions.Default, whole, cancellationToken));
    }

    private Task<CompactionResult> WriteAsync(StudyDocument study, IReadOnlyList<SeriesPart> run, DataKey key, SealOptions options, bool whole, CancellationToken cancellationToken, SeriesCoding? coding = null, long stopAfter = long.MaxValue) =>
        new SeriesCompactor(store, keys, packs, options) { Coding = coding, StopAfterBytes = stopAfter }.CompactAsync(
            SealedName.Folder(study.Institution, study.StudyKey),
            key,
            [.. run.Select(part => new SeriesParts(part.ObjectName(study, part.Index), part.ObjectName(study, part.Metadata)))],
            cancellationToken,
            whole);

    /// <summary>As <see cref="MergeAsync"/>, but a study that cannot be read is left as it is.</summary>
    public async Task TryMergeAsync(string institution, string studyKey, CancellationToken cancellationToken)
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

    /// <summary>
    /// Merges every study that these objects belong to, one after another. Answers which of the objects nothing refers to any more: those retired for the whole
    /// grace time may be dropped, the others must still be readable.
    /// </summary>
    public async ValueTask<(IReadOnlySet<string> Expired, IReadOnlySet<string> Waiting)> MergeOwnersAsync(IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        foreach (var (institution, studyKey) in objects.Select(ObjectName.Owner).Distinct()) await TryMergeAsync(institution, studyKey, cancellationToken);
        return await retired.AmongAsync(objects, time.GetUtcNow(), cancellationToken);
    }

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];

    private sealed record Merge(string SeriesKey, IReadOnlyList<SeriesPart> Run, CompactionResult Result)
    {
        public IReadOnlyList<SeriesPart> Parts { get; } =
            [.. Result.Parts.Select(part => new SeriesPart(Last(part.Pack.Name), Last(part.Index.Name), Last(part.Metadata.Name), part.Count))];
    }
}

/// <summary>What a step of compressing a series came to.</summary>
/// <param name="Next">Entries that have been looked at, to go on behind; null when the series is done.</param>
public sealed record CodingStep(CodingTally Tally, long? Next)
{
    public static CodingStep Done { get; } = new(CodingTally.None, null);
}

/// <summary>What became of sealing a study anew.</summary>
public enum ResealOutcome
{
    /// <summary>Nothing of it is under another key or cipher.</summary>
    Current,

    /// <summary>It was rewritten; the replaced objects live on for a day.</summary>
    Resealed,

    /// <summary>Something keeps it from being rewritten now: content that waits for a technician, or constant change.</summary>
    Waiting,
}
