using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Studies;

/// <summary>
/// Objects that a merge wrote or replaced, remembered until it is settled which of them the study names. Those that it does not are deleted a day later:
/// until then they are there for readers that began with an older study document. The records are what counts: several hosts merge, and any of them deletes.
/// </summary>
public sealed class RetiredObjects(IDocuments documents, ICatalog catalog, StudyParts parts, IObjectStore store, TimeProvider time, ILogger<RetiredObjects> logger,
    [FromKeyedServices("replica")] IObjectStore? replica = null)
{
    /// <summary>How long a replaced object stays readable.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(24);

    private const string Partition = "platform";
    private const string Type = "retired";

    // For the journal's drain, which asks after every file and is alone with its archive.
    private readonly ConcurrentDictionary<string, Retirement> _known = new();
    private bool _loaded;

    /// <summary>Remembers names of one study, durably.</summary>
    internal async Task AddAsync(string institution, string studyKey, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var retirement = new Retirement(1, institution, studyKey, names, time.GetUtcNow());

        // The names are random, so the first of them names the record.
        var id = names[0].Replace('/', '.');
        await documents.PutAsync(new DocumentKey(Partition, Type, id), retirement, Match.Any, [TermOf(institution, studyKey)], cancellationToken);
        _known[id] = retirement;
    }

    /// <summary>Of <paramref name="objects"/>: those no study names any more, by whether their grace time is over.</summary>
    internal async ValueTask<(IReadOnlySet<string> Expired, IReadOnlySet<string> Waiting)> AmongAsync(IReadOnlyList<string> objects, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!_loaded) await LoadAsync(cancellationToken);
        var (expired, waiting, asked) = (new HashSet<string>(), new HashSet<string>(), objects.ToHashSet());
        foreach (var retirement in _known.Values)
        {
            if (!retirement.Names.Any(asked.Contains)) continue;
            foreach (var name in await UnnamedAsync(retirement, cancellationToken))
                if (asked.Contains(name)) (now - retirement.At >= Grace ? expired : waiting).Add(name);
        }

        return (expired, waiting);
    }

    /// <summary>Every name that is remembered.</summary>
    internal async ValueTask<IReadOnlySet<string>> NamesAsync(CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken);
        return _known.Values.SelectMany(retirement => retirement.Names).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Names of a study's folder that wait here.</summary>
    internal async ValueTask<IReadOnlyCollection<string>> NamesAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        [.. (await ListsAsync(institution, studyKey, cancellationToken)).SelectMany(names => names)];

    /// <summary>Names of a study's folder that wait here, as they were recorded: of a merge its new objects and then the old ones, each metadata behind its index.</summary>
    internal async ValueTask<IReadOnlyList<IReadOnlyList<string>>> ListsAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var lists = new List<IReadOnlyList<string>>();
        await foreach (var stored in ListAsync(TermOf(institution, studyKey), cancellationToken)) lists.Add(stored.Value.Names);
        return lists;
    }

    /// <summary>Whether anything of a study waits here that was replaced up to a moment.</summary>
    internal async ValueTask<bool> AnyAsync(string institution, string studyKey, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await foreach (var stored in ListAsync(TermOf(institution, studyKey), cancellationToken))
            if (stored.Value.At <= until) return true;
        return false;
    }

    /// <summary>Deletes what has been retired for the whole grace time. Answers how many objects that were. While the second copies are out of reach it goes on being remembered.</summary>
    public async Task<int> PurgeAsync(CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken);
        var deleted = 0;
        foreach (var (id, retirement) in _known)
        {
            if (time.GetUtcNow() - retirement.At < Grace) continue;
            var names = await UnnamedAsync(retirement, cancellationToken);
            foreach (var name in names)
                if (await store.DeleteAsync(name, cancellationToken)) deleted++;
            if (!await DeleteCopiesAsync(retirement, names, cancellationToken)) continue;
            await documents.DeleteAsync(new DocumentKey(Partition, Type, id), Match.Any, cancellationToken);
            _known.TryRemove(id, out _);
        }

        if (deleted > 0) Log.Retired(logger, deleted);
        return deleted;
    }

    private async ValueTask<bool> DeleteCopiesAsync(Retirement retirement, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        if (replica is null) return true;
        try
        {
            foreach (var name in names) await replica.DeleteAsync(name, cancellationToken);
            return true;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // The first copies of the others need not wait for it.
            Log.RetiredCopiesStay(logger, retirement.Institution, retirement.StudyKey, error);
            return false;
        }
    }

    /// <summary>Names of a retirement that its study does not refer to; all of them when the study is gone.</summary>
    private async ValueTask<IReadOnlyList<string>> UnnamedAsync(Retirement retirement, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(retirement.Institution, retirement.StudyKey, cancellationToken) is not { } stored) return retirement.Names;
        var study = stored.Value;
        var named = (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list)
            .SelectMany(part => (string[])[part.ObjectName(study, part.Pack), part.ObjectName(study, part.Index), part.ObjectName(study, part.Metadata)]).ToHashSet();
        named.UnionWith(study.SideObjects());
        return [.. retirement.Names.Where(name => !named.Contains(name))];
    }

    /// <summary>Brings what is known here up to the records: those of other hosts come, those that they have deleted go.</summary>
    private async ValueTask LoadAsync(CancellationToken cancellationToken)
    {
        // What is added while this reads is in no list of before, and stays.
        var gone = _known.Keys.ToHashSet(StringComparer.Ordinal);
        await foreach (var stored in ListAsync(term: null, cancellationToken))
        {
            gone.Remove(stored.Id);
            _known.TryAdd(stored.Id, stored.Value);
        }

        foreach (var id in gone) _known.TryRemove(id, out _);
        _loaded = true;
    }

    private async IAsyncEnumerable<Stored<Retirement>> ListAsync(string? term, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<Retirement>(Partition, Type, term, limit: 200, continuation, cancellationToken);
            foreach (var stored in page.Items) yield return stored;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    private static string TermOf(string institution, string studyKey) => $"study:{institution}/{studyKey}";

    private sealed record Retirement(int V, string Institution, string StudyKey, IReadOnlyList<string> Names, DateTimeOffset At);
}
