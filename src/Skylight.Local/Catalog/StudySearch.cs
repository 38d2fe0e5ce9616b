using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// One search, in one snapshot. The keys that have terms become streams of studies in order of date (<see cref="SearchPlan"/>), which are walked together until the
/// page is full. Terms alone decide, but for the few keys that have none: what is not answered is not read.
/// </summary>
internal sealed class StudySearch(SqliteConnection connection, SummaryCache summaries, SearchLimits limits, string institution, StudyQuery query)
{
    public StudyPage Run(int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        // As long as one statement is open, the others see what it sees.
        using var snapshot = connection.Raw("SELECT one FROM numbers");
        snapshot.Step();
        using var plan = new SearchPlan(connection, institution, Window(continuation), limits, new SearchTerms(connection, institution).Of(query), limit + offset);
        using var rows = connection.Raw("SELECT revision, summary FROM studies WHERE n=?");
        var walk = new StudyWalk(plan.Streams, query.ScanLimit ?? int.MaxValue);
        var items = new List<StudySummary>();
        var hasRest = StudyFilter.HasRest(query);
        var last = default(StudyPosition);
        while (walk.Next() is { } position)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!plan.Matches(position.N)) continue;
            if (items.Count == limit && !hasRest) return new StudyPage(items, last.Continuation());
            var study = hasRest || offset == 0 ? Summary(rows, position.N) : null;
            if (hasRest && !StudyFilter.MatchesRest(query, study!)) continue;
            if (offset > 0)
            {
                offset--;
                continue;
            }

            if (items.Count == limit) return new StudyPage(items, last.Continuation());
            items.Add(study!);
            last = position;
        }

        return new StudyPage(items, walk.StoppedAt?.Continuation());
    }

    private StudySummary Summary(RawStatement rows, long n)
    {
        rows.Bind(1, n);
        if (!rows.Step()) throw new InvalidDataException("A study that is found by its terms has no row.");
        var revision = rows.Int64(0);
        var summary = summaries.Get(n, revision);
        if (summary is null)
        {
            summary = JsonSerializer.Deserialize<StudySummary>(rows.Blob(1), DocumentJson.Options) ?? throw new InvalidDataException("A stored study summary is empty.");
            summaries.Put(n, revision, summary);
        }

        rows.Reset();
        return summary;
    }

    /// <summary>Behind the digits of a sort key comes a colon: the end of a range covers every time of its day.</summary>
    private StudyWindow Window(string? continuation)
    {
        // A study without a date is in no range.
        var from = query.StudyDate is { } date ? date.From ?? "0" : "";
        var end = query.StudyDate?.To is { } to ? to + ":" : ":";
        if (continuation is null) return new StudyWindow(from, end, 0);
        var (sort, n) = StudyPosition.Parse(continuation);
        return string.CompareOrdinal(sort, end) < 0 ? new StudyWindow(from, sort, n) : new StudyWindow(from, end, 0);
    }
}
