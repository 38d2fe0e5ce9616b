using Microsoft.Extensions.Logging;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;

namespace Skylight.Core.Statistics;

/// <summary>What a recount of everything found.</summary>
/// <param name="Drifted">Days whose kept counts were not those of the catalog; they are now.</param>
public sealed record Reconciliation(int V, DateTimeOffset At, long Studies, int Days, int Drifted);

/// <summary>
/// Keeps <see cref="DayStatistics"/>: a change of a study marks its day, a timer counts the marked days again (a day's studies, not all of them), and a recount
/// of everything at night puts right what a mark was lost for, or a study that changed its date has left behind. Counting a day is idempotent, so nothing
/// is ever added twice.
/// </summary>
public sealed class StatisticsKeeper(ICatalog catalog, IDocuments documents, InstitutionDirectory institutions, TimeProvider time, ILogger<StatisticsKeeper> logger)
{
    internal const string DayType = "statistics-day";
    private const string MarkType = "statistics-mark", ReconciliationType = "statistics-reconciliation";
    private const int Page = 500;

    /// <summary>A study has changed: its day is to be counted again. Nothing for a study that is not there.</summary>
    public async Task MarkAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { ProvisionalOf: null } study }) return;
        await MarkAsync(documents, institution, DayStatistics.DayOf(study.Attributes), time.GetUtcNow(), cancellationToken);
    }

    /// <summary>A study that is hidden is about to be no more: its day is to be counted without it.</summary>
    internal static ValueTask MarkAsync(IDocuments documents, StudyDocument study, DateTimeOffset now, CancellationToken cancellationToken) =>
        MarkAsync(documents, study.Institution, DayStatistics.DayOf(study.Attributes), now, cancellationToken);

    /// <summary>A study has moved to another date: the day that it has left is to be counted again too. Nothing where it has not.</summary>
    internal static async ValueTask MarkLeftAsync(IDocuments documents, StudyDocument before, StudyDocument after, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (DayStatistics.DayOf(before.Attributes) is var left && left != DayStatistics.DayOf(after.Attributes)) await MarkAsync(documents, before.Institution, left, now, cancellationToken);
    }

    private static async ValueTask MarkAsync(IDocuments documents, string institution, string day, DateTimeOffset now, CancellationToken cancellationToken) =>
        await documents.PutAsync(new DocumentKey(institution, MarkType, day), new Mark(1, now), Match.Any, [], cancellationToken);

    /// <summary>Counts the marked days of all institutions; answers how many there were. Called by a timer.</summary>
    public async Task<int> CountMarkedAsync(CancellationToken cancellationToken)
    {
        var counted = 0;
        foreach (var institution in await InstitutionsAsync(cancellationToken))
        {
            foreach (var mark in await AllAsync<Mark>(institution, MarkType, cancellationToken))
            {
                // Studies without a date cannot be asked for by date: the recount of everything has them.
                if (mark.Id != DayStatistics.NoDay) await CountAsync(institution, mark.Id, cancellationToken);
                try
                {
                    await documents.DeleteAsync(new DocumentKey(institution, MarkType, mark.Id), Match.Version(mark.ETag), cancellationToken);
                    counted++;
                }
                catch (DocumentConflictException)
                {
                    // Marked again meanwhile: it is counted again in the next round.
                }
            }
        }

        return counted;
    }

    /// <summary>Recounts everything of every institution. Called by a timer at night.</summary>
    public async Task ReconcileAllAsync(CancellationToken cancellationToken)
    {
        foreach (var institution in await InstitutionsAsync(cancellationToken)) await ReconcileAsync(institution, cancellationToken);
    }

    /// <summary>Counts all studies of an institution anew, and puts right the days that were kept otherwise.</summary>
    public async Task<Reconciliation> ReconcileAsync(string institution, CancellationToken cancellationToken)
    {
        var (count, studies) = (new StatisticsCount(), 0L);
        await foreach (var study in StudiesAsync(institution, new StudyQuery(), cancellationToken))
        {
            count.Add(study);
            studies++;
        }

        var kept = (await AllAsync<DayStatistics>(institution, DayType, cancellationToken)).ToDictionary(day => day.Id, day => day.Value, StringComparer.Ordinal);
        var days = count.Days.Union(kept.Keys).ToList();
        var drifted = 0;
        foreach (var day in days)
        {
            var cells = count.Of(day);
            if (kept.TryGetValue(day, out var before) ? before.Cells.SequenceEqual(cells) : cells.Count == 0) continue;
            drifted++;
            await PutAsync(institution, day, cells, cancellationToken);
        }

        var result = new Reconciliation(1, time.GetUtcNow(), studies, days.Count, drifted);
        await documents.PutAsync(new DocumentKey(institution, ReconciliationType, "last"), result, Match.Any, [], cancellationToken);
        StatisticsLog.Reconciled(logger, institution, studies, drifted);
        return result;
    }

    /// <summary>What the last recount found; null when there was none.</summary>
    public async ValueTask<Reconciliation?> LastAsync(string institution, CancellationToken cancellationToken) =>
        (await documents.GetAsync<Reconciliation>(new DocumentKey(institution, ReconciliationType, "last"), cancellationToken))?.Value;

    /// <summary>Kept counts of all days of an institution.</summary>
    internal async Task<IReadOnlyList<DayStatistics>> DaysAsync(string institution, CancellationToken cancellationToken) =>
        [.. (await AllAsync<DayStatistics>(institution, DayType, cancellationToken)).Select(day => day.Value)];

    private async Task CountAsync(string institution, string day, CancellationToken cancellationToken)
    {
        var count = new StatisticsCount();
        await foreach (var study in StudiesAsync(institution, new StudyQuery { StudyDate = new DicomRange(day, day) }, cancellationToken)) count.Add(study);
        await PutAsync(institution, day, count.Of(day), cancellationToken);
    }

    private async ValueTask PutAsync(string institution, string day, IReadOnlyList<StatisticsCell> cells, CancellationToken cancellationToken)
    {
        var key = new DocumentKey(institution, DayType, day);
        if (cells.Count == 0) await documents.DeleteAsync(key, Match.Any, cancellationToken);
        else await documents.PutAsync(key, new DayStatistics(1, day, time.GetUtcNow(), cells), Match.Any, [], cancellationToken);
    }

    private async IAsyncEnumerable<StudySummary> StudiesAsync(string institution, StudyQuery query, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await catalog.QueryStudiesAsync(institution, query, Page, 0, continuation, cancellationToken);
            foreach (var study in page.Items) yield return study;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    private async Task<IReadOnlyList<string>> InstitutionsAsync(CancellationToken cancellationToken)
    {
        var codes = new List<string>();
        await foreach (var code in institutions.CodesAsync(cancellationToken)) codes.Add(code);
        return codes;
    }

    private async Task<IReadOnlyList<Stored<T>>> AllAsync<T>(string institution, string type, CancellationToken cancellationToken) where T : class
    {
        var all = new List<Stored<T>>();
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<T>(institution, type, null, 200, continuation, cancellationToken);
            all.AddRange(page.Items);
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return all;
    }

    private sealed record Mark(int V, DateTimeOffset At);
}

internal static partial class StatisticsLog
{
    [LoggerMessage(2720, LogLevel.Information, "Statistics of {Institution}: {Studies} studies counted, {Drifted} days put right.")]
    public static partial void Reconciled(ILogger logger, string institution, long studies, int drifted);
}
