using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>What a round of the sweep found.</summary>
/// <param name="Looked">Objects looked at.</param>
/// <param name="Waiting">Objects that nothing names and that are not yet old enough to be removed.</param>
public sealed record SweepReport(int V, DateTimeOffset At, int Looked, int Waiting, int Removed);

/// <summary>
/// Finds objects that no study document, intake item or retirement names: what a crash left between an object and its commit. An object is remembered when it is first seen
/// so, and removed when a day later nothing names it still. So an ingest that is under way loses nothing: its commit comes long before. What lies in
/// the edge's journal is named by the record that carries it. A folder with an index, under a key that is there, of a study that the catalog does not know is no leftover: a database was set back, and
/// <c>skylight reindex</c> brings the study back. Nothing of it is removed, nor where an index or metadata is damaged: a catalog that was made again from it does not know what else is there.
/// </summary>
/// <param name="replica">The second copy of the objects, where one is configured.</param>
public sealed class OrphanSweep(
    ICatalog catalog, IDocuments documents, IObjectStore store, StudyParts parts, IntakeItems items, RetiredObjects retired, StudyKeys keys,
    IOptions<LifecycleOptions> options, TimeProvider time, ILogger<OrphanSweep> logger, [FromKeyedServices("replica")] IObjectStore? replica = null)
{
    /// <summary>Each hour looks at one slice of the folders, so that a day sees all of them.</summary>
    public const int Slices = 24;

    private const string Type = "orphans";
    private const int MaxPerFolder = 1000;

    private readonly ObjectCheck _check = new(keys);

    /// <summary>What commits write and readers read. Other objects have owners of their own.</summary>
    private static readonly string[] s_kinds = [".pack", ".index", ".metadata", ".manifest", ".corrections", ".preview"];

    /// <summary>One round over the slice of this hour.</summary>
    public Task<SweepReport> RunAsync(CancellationToken cancellationToken) => RunAsync((int)(time.GetUtcNow().ToUnixTimeSeconds() / 3600 % Slices), cancellationToken);

    /// <summary>One round over a slice; null for all folders.</summary>
    public async Task<SweepReport> RunAsync(int? slice, CancellationToken cancellationToken)
    {
        var folders = new Dictionary<(string Institution, string StudyKey), List<string>>();
        var looked = 0;
        await foreach (var name in store.ListAsync("", cancellationToken))
        {
            if (!s_kinds.Any(kind => name.EndsWith(kind, StringComparison.Ordinal)) || name.Count(c => c == '/') < 2) continue;
            var owner = ObjectName.Owner(name);
            if (slice is { } own && Slice(owner.StudyKey) != own) continue;
            if (!folders.TryGetValue(owner, out var names)) folders[owner] = names = [];
            names.Add(name);
            if (++looked >= options.Value.OrphanObjectsPerRound) break;
        }

        var (waiting, removed) = (0, 0);
        foreach (var ((institution, studyKey), names) in folders)
        {
            try
            {
                var (w, r) = await SweepAsync(institution, studyKey, names, cancellationToken);
                waiting += w;
                removed += r;
            }
            catch (Exception error) when (error is SealedObjectException or KeyUnavailableException or IOException)
            {
                // What cannot be read cannot be told apart: the scrub reports it, the sweep leaves it alone. So it does while second copies are out of reach.
                Log.SweepSkipped(logger, institution, studyKey, error);
            }
        }

        var report = new SweepReport(1, time.GetUtcNow(), looked, waiting, removed);
        await documents.PutAsync(new DocumentKey("platform", "orphan-report", $"slice-{slice ?? Slices:D2}"), report, Match.Any, [], cancellationToken);
        if (waiting + removed > 0) Log.Swept(logger, looked, waiting, removed);
        return report;
    }

    private async Task<(int Waiting, int Removed)> SweepAsync(string institution, string studyKey, List<string> names, CancellationToken cancellationToken)
    {
        var named = await NamedAsync(institution, studyKey, cancellationToken);
        var unnamed = names.Where(name => !named.Contains(name)).Take(MaxPerFolder).ToList();
        var key = new DocumentKey(institution, Type, studyKey);
        var known = (await documents.GetAsync<Orphans>(key, cancellationToken))?.Value.Seen ?? new Dictionary<string, DateTimeOffset>();
        if (unnamed.Count == 0)
        {
            if (known.Count > 0) await documents.DeleteAsync(key, Match.Any, cancellationToken);
            return (0, 0);
        }

        var now = time.GetUtcNow();
        var due = unnamed.Where(name => known.TryGetValue(name, out var seen) && now - seen >= TimeSpan.FromHours(options.Value.OrphanHours)).ToList();
        if (due.Count > 0) due = await UnnamedElsewhereAsync(institution, studyKey, due, cancellationToken);
        if (await IsWantedAsync(institution, studyKey, due, cancellationToken)) due = [];

        // The second copy first: it is found by the first one.
        foreach (var name in due)
        {
            if (replica is not null) await replica.DeleteAsync(name, cancellationToken);
            await store.DeleteAsync(name, cancellationToken);
        }

        var left = unnamed.Except(due).ToDictionary(name => name, name => known.GetValueOrDefault(name, now));
        if (left.Count > 0) await documents.PutAsync(key, new Orphans(1, left), Match.Any, [], cancellationToken);
        else await documents.DeleteAsync(key, Match.Any, cancellationToken);
        return (left.Count, due.Count);
    }

    /// <summary>Whether what nothing names is no leftover, and can be opened.</summary>
    private async ValueTask<bool> IsWantedAsync(string institution, string studyKey, List<string> due, CancellationToken cancellationToken)
    {
        var describing = due.FindAll(static name => name.EndsWith(".index", StringComparison.Ordinal) || name.EndsWith(".metadata", StringComparison.Ordinal));
        if (describing.Count == 0 || !await keys.ExistsAsync(institution, studyKey, cancellationToken)) return false;
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is null && describing.Exists(static name => name.EndsWith(".index", StringComparison.Ordinal)))
        {
            Log.StudyUnknown(logger, institution, studyKey);
            return true;
        }

        foreach (var name in describing)
        {
            if ((await _check.ReadAsync(store, name, cancellationToken)).State != CopyState.Damaged || await IsErasedAsync(institution, studyKey, name, cancellationToken)) continue;
            Log.UnnamedDamaged(logger, institution, studyKey);
            return true;
        }

        return false;
    }

    /// <summary>Whether an object is under a key that an erasure has destroyed: a leftover of a study that has come again since, which has another.</summary>
    private async ValueTask<bool> IsErasedAsync(string institution, string studyKey, string name, CancellationToken cancellationToken)
    {
        try
        {
            var key = (await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken)).KeyId.ToString();
            var erasures = await DocumentPages.AllAsync(next => documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, $"study:{studyKey}", 200, next, cancellationToken));
            return erasures.Exists(stored => stored.Value.HasDestroyed && stored.Value.Keys.Contains(key));
        }
        catch (Exception error) when (error is SealedObjectException or ObjectMissingException or ObjectUnreadableException)
        {
            return false;
        }
    }

    private async Task<HashSet<string>> NamedAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var named = (await retired.NamesAsync(institution, studyKey, cancellationToken)).ToHashSet(StringComparer.Ordinal);
        if ((await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is { } study) await AddAsync(named, study, cancellationToken);
        return named;
    }

    private async Task AddAsync(HashSet<string> named, StudyDocument study, CancellationToken cancellationToken)
    {
        foreach (var part in (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list))
            foreach (var name in (string[])[part.Pack, part.Index, part.Metadata])
                if (name.Length > 0) named.Add(part.ObjectName(study, name));
        named.UnionWith(study.SideObjects());
    }

    /// <summary>Only before something is removed: intake items, and studies whose parts lie in another's folder, are looked through as a whole.</summary>
    private async Task<List<string>> UnnamedElsewhereAsync(string institution, string studyKey, List<string> due, CancellationToken cancellationToken)
    {
        var named = new HashSet<string>(StringComparer.Ordinal);
        string? continuation = null;
        do
        {
            var page = await items.WalkAsync(institution, 200, continuation, cancellationToken);
            foreach (var item in page.Items)
                if (item.Value.Bytes is { } stored) named.Add(stored.Pack.Name);
            continuation = page.Continuation;
        }
        while (continuation is not null);

        for (var after = ""; await catalog.ListStudyKeysAsync(institution, after, 1000, cancellationToken) is { Count: > 0 } studies; after = studies[^1])
        {
            foreach (var other in studies)
            {
                if ((await catalog.GetStudyByKeyAsync(institution, other, cancellationToken))?.Value is { } study
                    && (other == studyKey || study.Manifest is not null || study.Series.Any(series => series.Parts.Any(part => part.Folder == studyKey))))
                    await AddAsync(named, study, cancellationToken);
            }
        }

        return due.FindAll(name => !named.Contains(name));
    }

    private static int Slice(string studyKey)
    {
        uint hash = 2166136261;
        foreach (var c in studyKey) hash = (hash ^ c) * 16777619;
        return (int)(hash % Slices);
    }

    private sealed record Orphans(int V, IReadOnlyDictionary<string, DateTimeOffset> Seen);
}
