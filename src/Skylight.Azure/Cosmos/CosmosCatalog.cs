using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Azure.Cosmos;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// <see cref="ICatalog"/> on Cosmos. A commit is one conditional write of the study's item; the pages of index rows are written before it and count
/// only when the item names them (see <see cref="InstancePages"/>).
/// </summary>
internal sealed class CosmosCatalog(CosmosItems studies, CosmosItems instances, TimeProvider time) : ICatalog
{
    private const int KnownUids = 50_000;
    private const int RestPage = 200;

    /// <summary>Greater than every place in the order of results.</summary>
    private const string Top = "\uFFFF";

    private readonly InstancePages _pages = new(instances, time);

    // A UID has one key for ever, so what was looked up once becomes a point read.
    private readonly ConcurrentDictionary<(string Institution, string Uid), string> _keys = new();

    public async ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken)
    {
        if (_keys.TryGetValue((institution, studyInstanceUid), out var known) && await GetStudyByKeyAsync(institution, known, cancellationToken) is { Value.ProvisionalOf: null } study) return study;
        var query = new QueryDefinition("SELECT TOP 1 VALUE c.id FROM c WHERE c.pk = @pk AND c.uid = @uid").WithParameter("@pk", institution).WithParameter("@uid", studyInstanceUid);
        if (await studies.QueryAsync<string>(institution, query, 1, cancellationToken) is not [var key]) return null;
        if (_keys.Count >= KnownUids) _keys.Clear();
        _keys[(institution, studyInstanceUid)] = key;
        return await GetStudyByKeyAsync(institution, key, cancellationToken);
    }

    public async ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        (await studies.ReadAsync<StudyItem>(institution, studyKey, cancellationToken))?.Value.Doc is { } study ? new Stored<StudyDocument>(study.StudyKey, study.ETag(), study) : null;

    public async ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sopInstanceUids.Count, 1000);
        if (sopInstanceUids.Count == 0) return [];
        return await CountingAsync(institution, async () => await _pages.FindAsync(institution, sopInstanceUids, cancellationToken), cancellationToken);
    }

    public async ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var from = after;
        while (true)
        {
            var (rows, last) = await WalkAsync(institution, from, limit, cancellationToken);
            if (rows.Count > 0 || last is null) return rows;

            // Only rows that do not count, up to there.
            from = last;
        }
    }

    public async ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var query = new QueryDefinition(string.Create(CultureInfo.InvariantCulture, $"SELECT TOP {limit} VALUE c.id FROM c WHERE c.pk = @pk AND c.id > @after AND IS_DEFINED(c.doc) ORDER BY c.id"))
            .WithParameter("@pk", institution).WithParameter("@after", after);
        return await studies.QueryAsync<string>(institution, query, limit, cancellationToken);
    }

    public async ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (continuation is not null && !continuation.Contains('.', StringComparison.Ordinal)) throw new InvalidContinuationException();
        var text = new StudyQueryText(institution, query);
        var after = continuation ?? Top;
        var hasRest = StudyFilter.HasRest(query);
        while (!hasRest && offset > 0)
        {
            // Places only: what is passed over is not read.
            var passed = await studies.QueryAsync<string>(institution, text.Page("VALUE c[\"order\"]", Math.Min(offset, 1000), after), Math.Min(offset, 1000), cancellationToken);
            if (passed.Count < Math.Min(offset, 1000)) return new StudyPage([], null);
            offset -= passed.Count;
            after = passed[^1];
        }

        var items = new List<StudySummary>();
        var size = query.ScanLimit is { } most ? Math.Clamp(most + 1, 1, RestPage) : hasRest ? RestPage : limit + 1;
        var (seen, last) = (0, after);
        while (true)
        {
            var page = await studies.QueryAsync<StudyPlace>(institution, text.Page("c[\"order\"] AS place, c.summary AS study", size, after), size, cancellationToken);
            foreach (var (place, study) in page)
            {
                // With a limit on what is looked at, a page ends there; without one, when one more was found than it holds.
                if (query.ScanLimit is not null && (items.Count == limit || seen++ == query.ScanLimit)) return new StudyPage(items, last);
                if (query.ScanLimit is not null) last = place;
                if (!StudyFilter.MatchesRest(query, study) || offset-- > 0) continue;
                if (items.Count == limit) return new StudyPage(items, last);
                items.Add(study);
                last = place;
            }

            if (page.Count < size) return new StudyPage(items, null);
            after = page[^1].Place;
        }
    }

    public async ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        // The one question to all partitions: asked by timers, answered from two short indexes.
        var (field, condition) = due == StudyDue.Events ? ("events", "IS_NUMBER(c.events)") : ("due", "c.due <= @now");
        var query = new QueryDefinition(string.Create(CultureInfo.InvariantCulture, $"SELECT TOP {limit} c.pk, c.id FROM c WHERE {condition} ORDER BY c.{field}"))
            .WithParameter("@now", now.ToUnixTimeMilliseconds());
        return [.. (await studies.QueryAsync<Place>(null, query, limit, cancellationToken)).Select(place => new StudyReference(place.Pk, place.Id))];
    }

    public async ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken)
    {
        var study = change.Document;
        var key = new DocumentKey(study.Institution, "study", study.StudyKey);
        CheckSize(study);
        var met = await studies.ReadAsync<StudyItem>(study.Institution, study.StudyKey, cancellationToken);
        if (met is { Value.Doc: null })
        {
            await FinishRemovalAsync(met, cancellationToken);
            met = null;
        }

        if (met?.Value.Doc!.ETag() != change.ExpectedETag) throw new DocumentConflictException(key);
        var write = WriteTrail.NewId();
        var (pages, written, replaced) = await _pages.WriteAsync(study, write, met?.Value.Pages ?? [], change.Rows, cancellationToken);
        var item = StudyItem.Of(study, WriteTrail.Extend(met?.Value.Writes, write), pages) with { Retired = replaced.Count > 0 ? replaced : met?.Value.Retired ?? [] };
        if (!await studies.TryPutAsync(study.Institution, study.StudyKey, item, met?.ETag, cancellationToken))
        {
            await _pages.DeleteAsync(study.Institution, study.StudyKey, written, cancellationToken);
            throw new DocumentConflictException(key);
        }

        if (replaced.Count > 0) await CleanAsync(item, met!.Value.Retired, cancellationToken);
    }

    public async ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        if (await studies.ReadAsync<StudyItem>(institution, studyKey, cancellationToken) is not { } met)
        {
            await _pages.SweepAsync(institution, studyKey, [], cancellationToken);
            return false;
        }

        var conflict = new DocumentConflictException(new DocumentKey(institution, "study", studyKey));
        if (met.Value.Doc is { } study)
        {
            if (study.ETag() != etag) throw conflict;
            // From here on the study is gone for everybody; what is left to do is done again by whoever meets the rest.
            if (!await studies.TryPutAsync(institution, studyKey, met.Value.Removed(WriteTrail.NewId()), met.ETag, cancellationToken)) throw conflict;
            if (await studies.ReadAsync<StudyItem>(institution, studyKey, cancellationToken) is not { Value.Doc: null } left) return true;
            met = left;
        }

        await FinishRemovalAsync(met, cancellationToken);
        return true;
    }

    private static void CheckSize(StudyDocument study)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(study, DocumentJson.Options).Length;
        if (bytes > StudyDocument.MaxBytes) throw new InvalidOperationException($"A study document has {bytes} bytes; at most {StudyDocument.MaxBytes} are allowed.");
    }

    private async ValueTask FinishRemovalAsync(CosmosItem<StudyItem> removed, CancellationToken cancellationToken)
    {
        var (pk, key) = (removed.Value.Pk, removed.Value.Id);
        await _pages.DeleteAsync(pk, key, removed.Value.Pages, cancellationToken);
        await _pages.SweepAsync(pk, key, [], cancellationToken);
        await studies.TryDeleteAsync(pk, key, removed.ETag, cancellationToken);
    }

    /// <summary>Deletes what an earlier merge replaced. A failure here is no failure of the commit: what stays is found by the next merge's sweep.</summary>
    private async ValueTask CleanAsync(StudyItem item, IReadOnlyList<RowPage> retired, CancellationToken cancellationToken)
    {
        try
        {
            await _pages.DeleteAsync(item.Pk, item.Id, retired, cancellationToken);
            await _pages.SweepAsync(item.Pk, item.Id, [.. item.Pages, .. item.Retired], cancellationToken);
        }
        catch (CosmosUnavailableException)
        {
            // The commit stands; see above.
            return;
        }
    }

    /// <summary>
    /// The rows that count, of those that a look into the pages finds. A page that its study does not name may have been merged between the look and the study's
    /// item, into one that the look was too early for: then it looks again, until the studies have stayed the same around a look.
    /// </summary>
    private async ValueTask<List<InstanceIndexRow>> CountingAsync(string institution, Func<ValueTask<List<FoundRow>>> look, CancellationToken cancellationToken)
    {
        Dictionary<string, string[]> before = [];
        while (true)
        {
            var rows = await look();
            var named = new Dictionary<string, string[]>(StringComparer.Ordinal);
            foreach (var study in rows.Select(row => row.Study).Distinct(StringComparer.Ordinal))
            {
                named[study] = (await studies.ReadAsync<StudyItem>(institution, study, cancellationToken))?.Value is { Doc: not null } item
                    ? [.. item.Pages.Select(page => InstancePages.IdOf(study, page.Id))]
                    : [];
            }

            var settled = named.All(study => before.TryGetValue(study.Key, out var pages) && pages.SequenceEqual(study.Value));
            if (settled || rows.TrueForAll(row => named[row.Study].Contains(row.Id))) return Newest(rows, named);
            before = named;
        }
    }

    private static List<InstanceIndexRow> Newest(List<FoundRow> rows, Dictionary<string, string[]> named)
    {
        var newest = new Dictionary<string, (int Place, InstanceIndexRow Row)>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            var place = Array.IndexOf(named[row.Study], row.Id);
            if (place < 0) continue;
            var id = $"{row.Study} {InstancePages.Identity(row.Found)}";
            if (!newest.TryGetValue(id, out var known) || known.Place < place) newest[id] = (place, row.Found.Row(row.Study));
        }

        return [.. newest.Values.Select(item => item.Row).OrderBy(row => row.SopInstanceUid, StringComparer.Ordinal).ThenBy(row => row.Revision)];
    }

    /// <summary>Rows after a UID, whole UIDs only, and the last UID that was looked at; null when that was the last of all.</summary>
    private async ValueTask<(IReadOnlyList<InstanceIndexRow> Rows, string? Last)> WalkAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        string? last = null;
        var rows = await CountingAsync(
            institution,
            async () =>
            {
                (var found, last) = await _pages.RowsAsync(institution, after, limit, cancellationToken);
                return found;
            },
            cancellationToken);
        return (Whole(rows, limit), last);
    }

    private static List<InstanceIndexRow> Whole(List<InstanceIndexRow> rows, int limit)
    {
        if (rows.Count <= limit) return rows;
        var end = rows[limit].SopInstanceUid;
        var whole = rows.TakeWhile(row => row.SopInstanceUid != end).ToList();
        return whole.Count > 0 ? whole : [.. rows.TakeWhile(row => row.SopInstanceUid == end)];
    }

    private sealed record Place(string Pk, string Id);

    private sealed record StudyPlace(string Place, StudySummary Study);
}
