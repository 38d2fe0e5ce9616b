using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>How much a search looks up and gathers.</summary>
internal sealed record SearchLimits
{
    /// <summary>Studies that are looked up in vain, some two milliseconds' worth, before the condition that they fail is gathered.</summary>
    public int Trial { get; init; } = 300;

    /// <summary>The same where the condition is a list of values, which need not be counted first.</summary>
    public int ListTrial { get; init; } = 30;

    /// <summary>Terms of a range that are gathered at once, where there are no more: fewer than anything else would have to be walked past.</summary>
    public int Soon { get; init; } = 100;

    /// <summary>Terms that are gathered, where there are no more: about two milliseconds' worth.</summary>
    public int LeastGathered { get; init; } = 2500;

    /// <summary>Terms that are ever gathered, some ten milliseconds' worth.</summary>
    public int MostGathered { get; init; } = 15_000;
}

/// <summary>
/// What a search walks and what it looks up. Every condition of few values is a stream of studies in order, and streams are walked together. A condition of many
/// values (a wildcard, a large access scope) is looked up for each study that the streams agree on, or gathered into a stream itself: where there is nothing else to
/// walk, and where many studies fail it.
/// </summary>
internal sealed class SearchPlan : IDisposable
{
    /// <summary>Looking one study up costs as much as counting and gathering so many terms.</summary>
    private const int TermsPerLookup = 7;

    private readonly SqliteConnection _connection;
    private readonly string _institution;
    private readonly StudyWindow _window;
    private readonly SearchLimits _limits;
    private readonly int _wanted;
    private readonly List<StudyStream> _streams = [];
    private readonly List<TermLookup> _lookups = [];
    private int _trial;

    /// <param name="conditions">A study must match all.</param>
    /// <param name="wanted">Studies that the page wants, those that it passes over included.</param>
    public SearchPlan(SqliteConnection connection, string institution, StudyWindow window, SearchLimits limits, IReadOnlyList<TermCondition> conditions, int wanted)
    {
        (_connection, _institution, _window, _limits, _wanted, _trial) = (connection, institution, window, limits, wanted, limits.Trial);
        foreach (var condition in conditions)
        {
            if (condition.IsWalked) _streams.Add(Walk(condition));
            else if (Soon(condition) is { } few) _streams.Add(few);
            else _lookups.Add(new TermLookup(connection, condition));
        }

        _streams.AddRange(_lookups.SelectMany(static lookup => lookup.Condition.Hints).Select(Walk));
        if (_lookups.Exists(static lookup => lookup.Condition.IsListed)) _trial = Math.Min(_trial, limits.ListTrial);
        // A few days are soon walked through.
        if (_streams.Count == 0 && _lookups.Count > 0 && !window.IsDated) Gather();
        if (_streams.Count == 0) _streams.Add(new TermStream(connection, institution, TermKind.All, "", window));
    }

    /// <summary>Grows when a condition turns out to be better walked.</summary>
    public IReadOnlyList<StudyStream> Streams => _streams;

    /// <summary>Whether a study that all streams have matches what they do not tell.</summary>
    public bool Matches(long n)
    {
        if (_lookups.TrueForAll(lookup => lookup.Matches(n))) return true;
        if (--_trial == 0) Gather();
        return false;
    }

    public void Dispose()
    {
        foreach (var stream in _streams) stream.Dispose();
        foreach (var lookup in _lookups) lookup.Dispose();
    }

    private StudyStream Walk(TermCondition condition)
    {
        var streams = condition.Sets.SelectMany(set => set.Values!.Select(value => new TermStream(_connection, _institution, set.Kind, value, _window))).ToList();
        return streams is [var one] ? one : new MergedStream(streams);
    }

    /// <summary>What few terms match is known at once; null where there are more, or nobody can say without looking at many.</summary>
    private GatheredStream? Soon(TermCondition condition) =>
        condition.Sets.All(static set => set is { Values: null, Glob: null }) && Count(condition.Sets, _limits.Soon) is not null ? Gathered(condition, _limits.Soon) : null;

    /// <summary>Turns the condition with the fewest terms into a stream, unless all have too many.</summary>
    private void Gather()
    {
        var (most, least) = (Most(), int.MaxValue);
        TermLookup? fewest = null;
        foreach (var lookup in _lookups)
        {
            var limit = Math.Min(most, least);
            if ((lookup.Condition.IsListed ? lookup.Condition.Values : Count(lookup.Condition.Sets, limit)) is { } count && count < limit) (fewest, least) = (lookup, count);
        }

        if (fewest is null || Gathered(fewest.Condition, most) is not { } gathered) return;
        _streams.Add(gathered);
        _lookups.Remove(fewest);
        fewest.Dispose();
    }

    /// <summary>
    /// Terms up to which gathering costs less than walking. Of <c>N</c> studies of which <c>m</c> match, a page walks past <c>wanted * N / m</c>: the fewer match, the
    /// longer the walk and the shorter the gathering, and both are the same at the root.
    /// </summary>
    private int Most()
    {
        using var statement = _connection.Raw("SELECT max(n) FROM studies");
        var studies = statement.Step() ? statement.Int64(0) : 0;
        return (int)Math.Clamp(Math.Sqrt((double)_wanted * studies * TermsPerLookup), _limits.LeastGathered, _limits.MostGathered);
    }

    /// <summary>Null where there are more terms than that.</summary>
    private GatheredStream? Gathered(TermCondition condition, int most)
    {
        var positions = new List<StudyPosition>();
        foreach (var set in condition.Sets)
        {
            using var statement = new SqlText().Add("SELECT x.sort, x.n FROM terms x WHERE x.pk=? AND x.kind=?", _institution, (int)set.Kind).Add(set.Condition())
                .Add(" AND x.sort>=? AND (x.sort, x.n)<(?,?)", _window.From, _window.Sort, _window.N).On(_connection);
            while (statement.Step())
            {
                if (positions.Count == most) return null;
                positions.Add(StudyPosition.Of(statement.Blob(0), statement.Int64(1)));
            }
        }

        return new GatheredStream(positions);
    }

    /// <summary>How many terms the sets have; null for as many as the limit or more, and for a very long list of values.</summary>
    private int? Count(IReadOnlyList<TermSet> sets, int limit)
    {
        var count = 0;
        foreach (var set in sets)
        {
            if (set.Values is { Count: > SearchTerms.Few }) return null;
            using var statement = new SqlText().Add("SELECT count(*) FROM (SELECT 1 FROM terms x WHERE x.pk=? AND x.kind=?", _institution, (int)set.Kind)
                .Add(set.Condition()).Add(" LIMIT ?)", limit - count).On(_connection);
            statement.Step();
            count += (int)statement.Int64(0);
            if (count >= limit) return null;
        }

        return count;
    }
}
