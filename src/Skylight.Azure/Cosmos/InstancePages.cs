using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.Azure.Cosmos;
using Skylight.Core.Catalog;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// The instance index: items of many rows in container <c>instances</c>, each written once, before the study item that names it. A page that no study
/// names does not count: it belongs to a commit that was not finished, or was merged into another. So the study item alone decides, and a crash
/// between the two writes leaves nothing that anybody sees.
/// </summary>
internal sealed class InstancePages(CosmosItems items, TimeProvider time)
{
    /// <summary>Rows of one page: about 100 KB.</summary>
    private const int PageRows = 250;

    /// <summary>So many pages of about one size are merged into one of the next size; each row is written again about five times at most, on its way into a full page.</summary>
    private const int Fan = 4;

    private const int FullLevel = 4;
    private const int PagesPerRead = 20;

    /// <summary>A page that is not named may belong to a commit under way. None takes this long.</summary>
    private static readonly TimeSpan CommitTime = TimeSpan.FromHours(1);

    /// <summary>Writes the pages of a change. Answers the page list that its study item must carry, and the pages that the list no longer names.</summary>
    public async ValueTask<(IReadOnlyList<RowPage> Pages, IReadOnlyList<RowPage> Written, IReadOnlyList<RowPage> Replaced)> WriteAsync(
        StudyDocument study, string write, IReadOnlyList<RowPage> current, IReadOnlyList<InstanceIndexRow> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0) return (current, [], []);
        if (rows.Any(row => row.StudyKey != study.StudyKey)) throw new ArgumentException("An index row belongs to another study than its change.", nameof(rows));
        var kept = current.Count;
        var total = rows.Count;
        while (FirstOfLevel(current, kept, Level(total)) is var first && kept - first >= Fan)
        {
            for (var i = first; i < kept; i++) total += current[i].Rows;
            kept = first;
        }

        var replaced = current.Skip(kept).ToList();
        var merged = new Dictionary<string, InstanceIndexRow>(StringComparer.Ordinal);
        foreach (var page in replaced)
            foreach (var row in (await items.ReadAsync<PageItem>(study.Institution, IdOf(study.StudyKey, page.Id), cancellationToken))?.Value.Rows ?? []) merged[Identity(row)] = row.Row(study.StudyKey);
        foreach (var row in rows) merged[Identity(PageRow.Of(row))] = row;
        var written = new List<RowPage>();
        foreach (var chunk in merged.Values.OrderBy(row => row.SopInstanceUid, StringComparer.Ordinal).Chunk(PageRows))
        {
            var page = new RowPage(string.Create(CultureInfo.InvariantCulture, $"{write}{written.Count}"), chunk.Length);
            var item = new PageItem(IdOf(study.StudyKey, page.Id), study.Institution, study.StudyKey, [write], chunk[0].SopInstanceUid, chunk[^1].SopInstanceUid, [.. chunk.Select(PageRow.Of)]);
            if (!await items.TryPutAsync(study.Institution, item.Id, item, null, cancellationToken)) throw new IOException("A page of the instance index has the name of another one.");
            written.Add(page);
        }

        return ([.. current.Take(kept), .. written], written, replaced);
    }

    /// <summary>Deletes pages that no study names any more.</summary>
    public async ValueTask DeleteAsync(string institution, string studyKey, IEnumerable<RowPage> pages, CancellationToken cancellationToken)
    {
        foreach (var page in pages) await items.DeleteAsync(institution, IdOf(studyKey, page.Id), cancellationToken);
    }

    /// <summary>Deletes a study's pages that it does not name and that no commit under way can have written.</summary>
    public async ValueTask SweepAsync(string institution, string studyKey, IReadOnlyList<RowPage> named, CancellationToken cancellationToken)
    {
        var before = (time.GetUtcNow() - CommitTime).ToUnixTimeSeconds();
        var query = new QueryDefinition("SELECT VALUE c.id FROM c WHERE c.pk = @pk AND c.study = @study AND c._ts < @before")
            .WithParameter("@pk", institution).WithParameter("@study", studyKey).WithParameter("@before", before);
        var keep = named.Select(page => IdOf(studyKey, page.Id)).ToHashSet(StringComparer.Ordinal);
        foreach (var id in await items.QueryAsync<string>(institution, query, 100, cancellationToken))
            if (!keep.Contains(id)) await items.DeleteAsync(institution, id, cancellationToken);
    }

    /// <summary>Rows of these UIDs in all pages, whether they count or not.</summary>
    public async ValueTask<List<FoundRow>> FindAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        var query = new QueryDefinition("SELECT c.id, c.study, r AS found FROM c JOIN r IN c.rows WHERE c.pk = @pk AND ARRAY_CONTAINS(@sops, r.sop)")
            .WithParameter("@pk", institution).WithParameter("@sops", sopInstanceUids.Distinct(StringComparer.Ordinal).ToArray());
        return await items.QueryAsync<FoundRow>(institution, query, sopInstanceUids.Count, cancellationToken);
    }

    /// <summary>
    /// More than <paramref name="limit"/> rows after a UID, or all of them: pages in order of their first UID, as many as that takes. All rows up to <c>Last</c>;
    /// null when there are no more.
    /// </summary>
    public async ValueTask<(List<FoundRow> Rows, string? Last)> RowsAsync(string institution, string after, int limit, CancellationToken cancellationToken)
    {
        var pages = new List<PageItem>();
        while (true)
        {
            var read = await WalkAsync(institution, after, pages.LastOrDefault(), PagesPerRead, cancellationToken);
            pages.AddRange(read);

            // UIDs below the last page's first one are in no page that has not been read.
            var end = read.Count < PagesPerRead ? null : pages[^1].First;
            var rows = pages.SelectMany(page => page.Rows.Select(row => new FoundRow(page.Id, page.Study, row)))
                .Where(row => string.CompareOrdinal(row.Found.Sop, after) > 0 && (end is null || string.CompareOrdinal(row.Found.Sop, end) < 0)).ToList();
            if (end is null) return (rows, null);
            if (rows.Count > limit) return (rows, rows.Select(row => row.Found.Sop).Max(StringComparer.Ordinal));
        }
    }

    private async ValueTask<List<PageItem>> WalkAsync(string institution, string after, PageItem? from, int limit, CancellationToken cancellationToken)
    {
        // The first UID and the id make the order total; pages of one first UID are few.
        var place = from is null ? "" : " AND (c.first > @first OR (c.first = @first AND c.id > @id))";
        var query = new QueryDefinition(string.Create(CultureInfo.InvariantCulture, $"SELECT TOP {limit} * FROM c WHERE c.pk = @pk AND c.last > @after{place} ORDER BY c.first, c.id"))
            .WithParameter("@pk", institution).WithParameter("@after", after);
        if (from is not null) query = query.WithParameter("@first", from.First).WithParameter("@id", from.Id);
        return await items.QueryAsync<PageItem>(institution, query, limit, cancellationToken);
    }

    public static string IdOf(string studyKey, string page) => $"{studyKey}.{page}";

    /// <summary>What makes two rows of a study the same one.</summary>
    public static string Identity(PageRow row) => $"{row.Sop} {Convert.ToHexString(row.Dataset)} {Convert.ToHexString(row.Pixel)}";

    private static int Level(int rows) => rows >= PageRows / 2 ? FullLevel : (int)Math.Log(rows, Fan);

    /// <summary>Index of the first of the pages just before <paramref name="end"/> that are of a level, or of lower ones.</summary>
    private static int FirstOfLevel(IReadOnlyList<RowPage> pages, int end, int level)
    {
        if (level >= FullLevel) return end;
        var first = end;
        while (first > 0 && Level(pages[first - 1].Rows) <= level) first--;
        return first;
    }
}

/// <summary>A row as a query finds it.</summary>
internal sealed record FoundRow(string Id, string Study, PageRow Found);

/// <param name="First">Least UID in it, ordinal.</param>
/// <param name="Last">Greatest UID in it.</param>
internal sealed record PageItem(string Id, string Pk, string Study, IReadOnlyList<string> Writes, string First, string Last, IReadOnlyList<PageRow> Rows) : ITrailed;

/// <summary>An index row with short names: a page is mostly digests.</summary>
internal sealed record PageRow(
    string Sop,
    [property: JsonPropertyName("c")] string Class,
    [property: JsonPropertyName("s")] string Series,
    [property: JsonPropertyName("d")] byte[] Dataset,
    [property: JsonPropertyName("p")] byte[] Pixel,
    [property: JsonPropertyName("k")] string Kind,
    [property: JsonPropertyName("f")] byte[] File,
    [property: JsonPropertyName("r")] int Revision,
    [property: JsonPropertyName("t")] SourceTrust Trust,
    [property: JsonPropertyName("st")] InstanceState State,
    [property: JsonPropertyName("o")] string Origin,
    [property: JsonPropertyName("i")] string? ItemId)
{
    // The origin is 64 bits wide: as a JSON number it would lose the last ones on the way.
    public static PageRow Of(InstanceIndexRow row) => new(
        row.SopInstanceUid, row.SopClassUid, row.SeriesKey, row.DatasetDigest, row.PixelDigest, row.PixelDigestKind, row.FileSha256, row.Revision, row.Trust, row.State,
        row.Origin.ToString(CultureInfo.InvariantCulture), row.ItemId);

    public InstanceIndexRow Row(string studyKey) => new()
    {
        SopInstanceUid = Sop,
        SopClassUid = Class,
        StudyKey = studyKey,
        SeriesKey = Series,
        DatasetDigest = Dataset,
        PixelDigest = Pixel,
        PixelDigestKind = Kind,
        FileSha256 = File,
        Revision = Revision,
        Trust = Trust,
        State = State,
        Origin = long.Parse(Origin, CultureInfo.InvariantCulture),
        ItemId = ItemId,
    };
}
