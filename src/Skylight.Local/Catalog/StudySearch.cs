using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// One search. Every key that has terms becomes a condition on them; the condition with the fewest terms drives the scan and the others are looked up
/// for each study it finds. A condition of one value is scanned in order of date and stops when the page is full; one of several values (wildcards,
/// several modalities, an access scope) is gathered and sorted while that is little, and otherwise becomes a look-up on the walk by date. Terms alone decide:
/// what is not answered is not read.
/// </summary>
internal sealed class StudySearch(SqliteConnection connection, SummaryCache summaries, string institution, StudyQuery query)
{
    /// <summary>A condition of more values than this is not taken apart into them.</summary>
    private const int Few = 1000;

    /// <summary>A condition with fewer terms than this is gathered whole, in some milliseconds; one with more finds a page soon on the walk by date.</summary>
    private const int Many = 2500;

    /// <summary>Behind every text: values are compared as UTF-8, where characters beyond U+FFFF come last.</summary>
    private const string End = "\U0010FFFF";

    private readonly List<Condition> _conditions = [];

    // What follows from a condition that is not worth gathering: a driver at need, never looked up.
    private readonly List<Condition> _hints = [];

    public StudyPage Run(int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        if (!Collect()) return new StudyPage([], null);
        var driver = _conditions.Where(condition => condition.Count < Many).MinBy(condition => condition.Count)
            ?? _hints.FirstOrDefault()
            ?? _conditions.FirstOrDefault(condition => condition.IsSingle)
            ?? new Condition([TermSet.Of(TermKind.All, "")], int.MaxValue);
        using var found = Sql(driver, continuation).On(connection);
        using var rows = connection.Raw("SELECT revision, summary FROM studies WHERE n=?");
        var items = new List<StudySummary>();
        var hasRest = StudyFilter.HasRest(query);
        string? last = null;
        var seen = 0;
        while (found.Step())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (query.ScanLimit is { } most)
            {
                if (items.Count == limit || seen++ == most) return new StudyPage(items, last);
                last = Continuation(found);
            }

            if (found.IsNull(0)) continue;
            if (!hasRest && offset > 0)
            {
                offset--;
                continue;
            }

            if (!hasRest && items.Count == limit) return new StudyPage(items, last);
            var study = Summary(rows, found.Int64(0));
            if (hasRest && !StudyFilter.MatchesRest(query, study)) continue;
            if (offset > 0)
            {
                offset--;
                continue;
            }

            if (items.Count == limit) return new StudyPage(items, last);
            items.Add(study);
            last = Continuation(found);
        }

        return new StudyPage(items, null);
    }

    /// <summary>In the same snapshot as the search, whose statement is still open.</summary>
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

    /// <summary>False when some key can match nothing.</summary>
    private bool Collect()
    {
        if (query.StudyInstanceUids.Count > 0) AddValues(TermKind.Uid, query.StudyInstanceUids);
        AddIdentifier(TermKind.PatientId, query.PatientId);
        AddIdentifier(TermKind.Accession, query.AccessionNumber);
        AddIdentifier(TermKind.StudyId, query.StudyId);
        if (query.ModalitiesInStudy.Count > 0) AddValues(TermKind.Modality, query.ModalitiesInStudy);
        if (StudyFilter.IsGiven(query.PatientName))
            foreach (var pattern in TextMatching.NamePatterns(query.PatientName!)) AddName(pattern);
        foreach (var keyword in query.Keywords) AddKeyword(keyword, [TermKind.Keyword, TermKind.ReportWord]);
        foreach (var keyword in query.ReportText) AddKeyword(keyword, [TermKind.ReportWord]);
        foreach (var code in query.Findings) AddValues(TermKind.Finding, [code]);
        foreach (var key in query.Measurements) AddRange(key);
        foreach (var tag in query.Tags) AddValues(TermKind.Tag, [tag]);
        if (query.BodyParts.Count > 0) AddValues(TermKind.BodyPart, query.BodyParts);
        if (query.Categories.Count > 0) AddValues(TermKind.Category, query.Categories);
        if (query.Levels.Count > 0 && !query.Levels.Contains(StudyTerms.UsualLevel)) AddValues(TermKind.Level, query.Levels.Select(StudyTerms.LevelTerm));
        if (query.Tiers.Count > 0 && !query.Tiers.Contains(StorageTier.Hot)) AddValues(TermKind.Tier, query.Tiers.Select(tier => tier.ToString()));
        if (query.States.Count > 0 && !query.States.Contains(StudyState.Complete)) AddValues(TermKind.State, query.States.Select(state => state.ToString()));
        if (!query.Scope.IsAll)
        {
            Add([
                new TermSet(TermKind.PatientKey, [.. query.Scope.PatientKeys ?? []], null, null, null),
                new TermSet(TermKind.StudyKey, [.. query.Scope.StudyKeys ?? []], null, null, null)]);
        }

        // A key of one value alone is its own driver, however many studies it has.
        if (_conditions is [{ IsSingle: true }]) return true;
        for (var i = 0; i < _conditions.Count; i++)
        {
            _conditions[i] = _conditions[i] with { Count = Count(_conditions[i].Sets) };
            if (_conditions[i].Count == 0) return false;
        }

        return true;
    }

    private void AddIdentifier(TermKind kind, string? key)
    {
        if (!StudyFilter.IsGiven(key)) return;
        var pattern = key!.Trim();
        if (!TextMatching.HasWildcard(pattern)) AddValues(kind, [pattern]);
        else AddPrefix(kind, pattern);
    }

    private void AddName(string pattern)
    {
        if (!TextMatching.HasWildcard(pattern))
        {
            AddValues(TermKind.Name, [pattern]);
            return;
        }

        var parts = NameParts.OfPattern(pattern).ToList();
        if (parts is [var part] && pattern == $"*{part}*")
        {
            // One character anywhere: that is what its term says.
            AddValues(TermKind.NamePart, parts);
            return;
        }

        _hints.AddRange(parts.Select(value => new Condition([TermSet.Of(TermKind.NamePart, value)], int.MaxValue)));
        if (TextMatching.LiteralPrefix(pattern).Length > 0) AddPrefix(TermKind.Name, pattern);
        else AddTails(pattern);
    }

    private void AddKeyword(Keyword keyword, TermKind[] kinds) =>
        Add([.. kinds.Select(kind => keyword.IsPrefix ? TermSet.Of(kind, keyword.Text, keyword.Text + End, null) : TermSet.Of(kind, keyword.Text))]);

    private void AddRange(MeasurementKey key)
    {
        var (first, last) = key.Terms();
        Add([TermSet.Of(TermKind.Measurement, first, last + '\0', null)]);
    }

    private void AddValues(TermKind kind, IEnumerable<string> values) => Add([new TermSet(kind, [.. values.Distinct(StringComparer.Ordinal)], null, null, null)]);

    private void Add(TermSet[] sets) => _conditions.Add(new Condition(sets, int.MaxValue));

    /// <summary>A wildcard after some literal text, which may be empty: the values of a range, of which those count that match.</summary>
    private void AddPrefix(TermKind kind, string pattern)
    {
        var prefix = TextMatching.LiteralPrefix(pattern);
        Add([TermSet.Of(kind, prefix, prefix + End, pattern == prefix + "*" ? null : Glob(pattern))]);
    }

    /// <summary>A name pattern that begins with a wildcard: the names that it means, where they can be listed.</summary>
    private void AddTails(string pattern)
    {
        var names = Tails(pattern);
        if (names is null) AddPrefix(TermKind.Name, pattern);
        else AddValues(TermKind.Name, names.Where(name => TextMatching.Matches(name, pattern)));
    }

    /// <summary>How many terms the sets have, counted up to the limit of gathering.</summary>
    private int Count(IReadOnlyList<TermSet> sets)
    {
        var count = 0;
        foreach (var set in sets)
        {
            if (set.Values is { Count: > Few }) return int.MaxValue;
            foreach (var piece in set.Values is { } values ? values.Select(value => TermSet.Of(set.Kind, value)) : [set])
            {
                using var statement = new SqlText().Add("SELECT count(*) FROM (SELECT 1 FROM terms x WHERE x.pk=? AND x.kind=?", institution, (int)piece.Kind)
                    .Add(piece.Of("x")).Add(" LIMIT ?)", Many - count).On(connection);
                statement.Step();
                count += (int)statement.Int64(0);
                if (count >= Many) return int.MaxValue;
            }
        }

        return count;
    }

    /// <summary>Names with the pattern's longest literal run somewhere in them, which may repeat; null when they are too many to list.</summary>
    private HashSet<string>? Tails(string pattern)
    {
        var literal = TextMatching.LongestLiteral(pattern);
        if (literal.Length == 0) return null;
        var found = new HashSet<string>(StringComparer.Ordinal);
        return List("SELECT DISTINCT value FROM terms WHERE pk=? AND kind=? AND value>=? AND value<? LIMIT ?", (int)TermKind.Name)
            && List("SELECT name FROM name_tails WHERE pk=? AND tail>=? AND tail<? LIMIT ?") ? found : null;

        bool List(string sql, params ReadOnlySpan<object?> kind)
        {
            using var statement = new SqlText().Add(sql, institution).Add("", kind).Add("", literal, literal + End, Few + 1).On(connection);
            var count = 0;
            while (statement.Step())
            {
                if (++count > Few) return false;
                found.Add(statement.Text(0));
            }

            return true;
        }
    }

    /// <summary>Rows of number (null for one that does not match, where those are counted too), sort key and number, greatest first.</summary>
    private SqlText Sql(Condition driver, string? continuation)
    {
        // With a limit on what is looked at, studies that do not match are seen too, without their number, and counted.
        var others = Others(driver);
        var counting = query.ScanLimit is not null && !others.IsEmpty;
        var sql = new SqlText();
        if (counting) sql.Add("SELECT CASE WHEN 1").Add(others).Add(" THEN t.n END, t.sort, t.n FROM ");
        else sql.Add("SELECT t.n, t.sort, t.n FROM ");
        if (driver.IsSingle)
        {
            sql.Add("terms t WHERE t.pk=? AND t.kind=?", institution, (int)driver.Sets[0].Kind).Add(driver.Sets[0].Of("t")).Add(Window("t", continuation));
        }
        else
        {
            sql.Add("(");
            for (var i = 0; i < driver.Sets.Count; i++)
            {
                sql.Add(i == 0 ? "SELECT" : " UNION SELECT").Add(driver.Sets.Count == 1 ? " DISTINCT" : "").Add(" x.n, x.sort FROM terms x WHERE x.pk=? AND x.kind=?", institution, (int)driver.Sets[i].Kind)
                    .Add(driver.Sets[i].Of("x")).Add(Window("x", continuation));
            }

            sql.Add(") t WHERE 1");
        }

        if (!counting) sql.Add(others);
        return sql.Add(" ORDER BY t.sort DESC, t.n DESC");
    }

    private SqlText Window(string alias, string? continuation)
    {
        var sql = new SqlText();
        if (query.StudyDate is { } date)
        {
            sql.Add($" AND {alias}.sort>=?", date.From ?? "0");
            if (date.To is { } to) sql.Add($" AND {alias}.sort<?", to + ":");
        }

        if (continuation is not null)
        {
            var (sort, n) = Position(continuation);
            sql.Add($" AND ({alias}.sort, {alias}.n) < (?, ?)", sort, n);
        }

        return sql;
    }

    /// <summary>The conditions other than the driver, looked up for each study that it finds.</summary>
    private SqlText Others(Condition driver)
    {
        var sql = new SqlText();
        foreach (var condition in _conditions)
        {
            if (ReferenceEquals(condition, driver)) continue;
            sql.Add(" AND (0");
            foreach (var set in condition.Sets) sql.Add(" OR EXISTS(SELECT 1 FROM terms x WHERE x.n=t.n AND x.kind=?", (int)set.Kind).Add(set.Of("x")).Add(")");
            sql.Add(")");
        }

        return sql;
    }

    /// <summary>The same pattern in SQLite's GLOB, where <c>[</c> would open a character class.</summary>
    private static string Glob(string pattern) => pattern.Replace("[", "[[]", StringComparison.Ordinal);

    private static string Continuation(RawStatement found) => string.Create(CultureInfo.InvariantCulture, $"{found.Text(1)}.{found.Int64(2)}");

    private static (string Sort, long N) Position(string continuation)
    {
        var dot = continuation.IndexOf('.', StringComparison.Ordinal);
        return dot >= 0 && long.TryParse(continuation.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? (continuation[..dot], n)
            : throw new InvalidContinuationException();
    }

    /// <summary>Terms of one kind: those with one of <paramref name="Values"/>, or those from <paramref name="From"/> on and before <paramref name="To"/> that match <paramref name="Glob"/> if there is one.</summary>
    private sealed record TermSet(TermKind Kind, IReadOnlyList<string>? Values, string? From, string? To, string? Glob)
    {
        public static TermSet Of(TermKind kind, string value) => new(kind, [value], null, null, null);

        public static TermSet Of(TermKind kind, string from, string to, string? glob) => new(kind, null, from, to, glob);

        /// <summary>The condition on a row of <c>terms</c> beyond its kind.</summary>
        public SqlText Of(string alias)
        {
            var sql = new SqlText();
            if (Values is [var one]) return sql.Add($" AND {alias}.value=?", one);
            if (Values is not null) return sql.Add($" AND {alias}.value IN (SELECT value FROM json_each(?))", JsonSerializer.Serialize(Values, DocumentJson.Options));
            sql.Add($" AND {alias}.value>=? AND {alias}.value<?", From, To);
            return Glob is null ? sql : sql.Add($" AND {alias}.value GLOB ?", Glob);
        }
    }

    /// <param name="Sets">Any of these terms.</param>
    /// <param name="Count">How many terms there are; <see cref="int.MaxValue"/> for many, and before they are counted.</param>
    private sealed record Condition(IReadOnlyList<TermSet> Sets, int Count)
    {
        public bool IsSingle => Sets is [{ Values.Count: 1 }];
    }
}
