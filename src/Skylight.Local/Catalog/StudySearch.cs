using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// One search. Every key that has terms becomes a condition on them; the condition with the fewest terms drives the scan and the others are looked up
/// for each study it finds. A condition of one value is scanned in order of date and stops when the page is full; one of several values (wildcards,
/// several modalities, an access scope) is gathered and sorted while that is little, and otherwise becomes a look-up on the walk by date.
/// </summary>
internal sealed class StudySearch(SqliteConnection connection, string institution, StudyQuery query)
{
    /// <summary>A condition of more distinct values than this is not taken apart into them.</summary>
    private const int Few = 1000;

    /// <summary>A condition with fewer terms than this is gathered whole, in some milliseconds; one with more finds a page soon on the walk by date.</summary>
    private const int Many = 2500;

    private readonly List<Condition> _conditions = [];

    public StudyPage Run(int limit, int offset, string? continuation, CancellationToken cancellationToken)
    {
        if (!Collect()) return new StudyPage([], null);
        var driver = _conditions.Where(condition => condition.Count < Many).MinBy(condition => condition.Count)
            ?? _conditions.FirstOrDefault(condition => condition.IsSingle)
            ?? new Condition([(TermKind.All, "")], null, int.MaxValue);
        using var command = connection.CreateCommand();
        command.CommandText = Sql(command, driver, continuation);
        using var reader = command.ExecuteReader();
        var items = new List<StudySummary>();
        var hasRest = StudyFilter.HasRest(query);
        string? last = null;
        var seen = 0;
        while (reader.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (query.ScanLimit is { } most)
            {
                if (items.Count == limit || seen++ == most) return new StudyPage(items, last);
                last = Continuation(reader.GetString(1), reader.GetString(2));
            }

            if (reader.IsDBNull(0)) continue;
            if (!hasRest && offset > 0)
            {
                offset--;
                continue;
            }

            var study = JsonSerializer.Deserialize<StudySummary>(reader.GetFieldValue<byte[]>(0), DocumentJson.Options)
                ?? throw new InvalidDataException("A stored study summary is empty.");
            if (hasRest && !StudyFilter.MatchesRest(query, study)) continue;

            if (offset > 0)
            {
                offset--;
                continue;
            }

            if (items.Count == limit) return new StudyPage(items, last);
            items.Add(study);
            last = Continuation(reader.GetString(1), reader.GetString(2));
        }

        return new StudyPage(items, null);
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
            AddTerms([
                .. (query.Scope.PatientKeys ?? []).Select(key => (TermKind.PatientKey, key)),
                .. (query.Scope.StudyKeys ?? []).Select(key => (TermKind.StudyKey, key))]);
        }

        return _conditions.TrueForAll(condition => condition.Count > 0);
    }

    private void AddIdentifier(TermKind kind, string? key)
    {
        if (!StudyFilter.IsGiven(key)) return;
        var pattern = key!.Trim();
        if (!TextMatching.HasWildcard(pattern)) AddValues(kind, [pattern]);
        else if (TextMatching.LiteralPrefix(pattern).Length > 0) AddPrefix(kind, pattern);
        else AddLookUp(kind, pattern);
    }

    private void AddName(string pattern)
    {
        if (!TextMatching.HasWildcard(pattern)) AddValues(TermKind.Name, [pattern]);
        else if (TextMatching.LiteralPrefix(pattern).Length > 0) AddPrefix(TermKind.Name, pattern);
        else AddPattern(TermKind.Name, pattern, Tails(pattern));
    }

    private void AddKeyword(Keyword keyword, TermKind[] kinds)
    {
        if (!keyword.IsPrefix) AddTerms([.. kinds.Select(kind => (kind, keyword.Text))]);
        else AddRanges([.. kinds.Select(kind => new TermRange(kind, keyword.Text, keyword.Text + '\uFFFF', null))]);
    }

    private void AddRange(MeasurementKey key)
    {
        var (first, last) = key.Terms();
        AddRanges([new TermRange(TermKind.Measurement, first, last + '\0', null)]);
    }

    /// <summary>Any value in any of the ranges: the distinct values when they are few, else the ranges themselves as a look-up.</summary>
    private void AddRanges(IReadOnlyList<TermRange> ranges)
    {
        var terms = new List<(TermKind, string)>();
        var count = 0;
        foreach (var range in ranges)
        {
            if (Values(range.Kind, range.From, range.To) is not { } values || terms.Count + values.Count > Few)
            {
                _conditions.Add(new Condition([], ranges, int.MaxValue));
                return;
            }

            terms.AddRange(values.Select(value => (range.Kind, value.Value)));
            count += values.Sum(value => value.Count);
        }

        _conditions.Add(new Condition(terms, null, count));
    }

    private void AddValues(TermKind kind, IEnumerable<string> values) => AddTerms([.. values.Distinct(StringComparer.Ordinal).Select(value => (kind, value))]);

    private void AddTerms(List<(TermKind Kind, string Value)> terms)
    {
        var count = 0;
        foreach (var (kind, value) in terms)
        {
            if (count >= Many) break;
            using var command = connection.Statement("SELECT count(*) FROM (SELECT 1 FROM terms WHERE pk=$pk AND kind=$kind AND value=$value LIMIT $few)");
            command.Parameters.AddWithValue("$pk", institution);
            command.Parameters.AddWithValue("$kind", (int)kind);
            command.Parameters.AddWithValue("$value", value);
            command.Parameters.AddWithValue("$few", Many - count);
            count += (int)(long)command.ExecuteScalar()!;
        }

        _conditions.Add(new Condition(terms, null, count));
    }

    /// <summary>A wildcard after some literal text: its distinct values when they are few, else the pattern itself as a look-up.</summary>
    private void AddPrefix(TermKind kind, string pattern)
    {
        var prefix = TextMatching.LiteralPrefix(pattern);
        var values = Values(kind, prefix, prefix + '\uFFFF')?.Where(value => TextMatching.Matches(value.Value, pattern)).ToList();
        if (values is null || values.Count > Few) AddLookUp(kind, pattern);
        else _conditions.Add(new Condition([.. values.Select(value => (kind, value.Value))], null, values.Sum(value => value.Count)));
    }

    /// <summary>A pattern whose values are listed elsewhere.</summary>
    private void AddPattern(TermKind kind, string pattern, IEnumerable<string>? candidates)
    {
        var values = new HashSet<string>(StringComparer.Ordinal);
        var seen = 0;
        foreach (var value in candidates ?? [])
        {
            if (++seen > Few) break;
            if (TextMatching.Matches(value, pattern)) values.Add(value);
        }

        if (candidates is null || seen > Few) AddLookUp(kind, pattern);
        else AddValues(kind, values);
    }

    private void AddLookUp(TermKind kind, string pattern)
    {
        var prefix = TextMatching.LiteralPrefix(pattern);
        _conditions.Add(new Condition([], [new TermRange(kind, prefix, prefix + '\uFFFF', Glob(pattern))], int.MaxValue));
    }

    /// <summary>The distinct values of a range with how many terms each has; null when there are more than are worth listing.</summary>
    private List<(string Value, int Count)>? Values(TermKind kind, string first, string end)
    {
        using var command = connection.Statement("""
            SELECT value, count(*) FROM (SELECT value FROM terms WHERE pk=$pk AND kind=$kind AND value>=$from AND value<$to ORDER BY value LIMIT $limit) GROUP BY value
            """);
        command.Parameters.AddWithValue("$pk", institution);
        command.Parameters.AddWithValue("$kind", (int)kind);
        command.Parameters.AddWithValue("$from", first);
        command.Parameters.AddWithValue("$to", end);
        command.Parameters.AddWithValue("$limit", Many);
        var values = new List<(string, int)>();
        var count = 0;
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            values.Add((reader.GetString(0), reader.GetInt32(1)));
            count += reader.GetInt32(1);
        }

        return count < Many ? values : null;
    }

    /// <summary>Names with the pattern's longest literal run somewhere in them, which may repeat; null when they are too many to list.</summary>
    private List<string>? Tails(string pattern)
    {
        var literal = TextMatching.LongestLiteral(pattern);
        if (literal.Length == 0 || Values(TermKind.Name, literal, literal + '\uFFFF') is not { } names) return null;
        var found = names.ConvertAll(name => name.Value);
        using var command = connection.Statement("SELECT name FROM name_tails WHERE pk=$pk AND tail>=$from AND tail<$to LIMIT $limit");
        command.Parameters.AddWithValue("$pk", institution);
        command.Parameters.AddWithValue("$from", literal);
        command.Parameters.AddWithValue("$to", literal + '\uFFFF');
        command.Parameters.AddWithValue("$limit", Few + 1);
        using var reader = command.ExecuteReader();
        while (reader.Read()) found.Add(reader.GetString(0));
        return found;
    }

    private string Sql(SqliteCommand command, Condition driver, string? continuation)
    {
        // With a limit on what is looked at, studies that do not match are seen too, without their summary, and counted.
        var others = Others(command, driver);
        var sql = new StringBuilder(query.ScanLimit is null || others.Length == 0 ? "SELECT s.summary" : $"SELECT CASE WHEN 1{others} THEN s.summary END").Append(", t.sort, t.id FROM ");
        command.Parameters.AddWithValue("$pk", institution);
        if (driver.IsSingle)
        {
            command.Parameters.AddWithValue("$kind", (int)driver.Terms[0].Kind);
            command.Parameters.AddWithValue("$value", driver.Terms[0].Value);
            sql.Append("terms t CROSS JOIN studies s ON s.n=t.n WHERE t.pk=$pk AND t.kind=$kind AND t.value=$value");
        }
        else
        {
            sql.Append("(SELECT DISTINCT x.n, x.sort, x.id FROM json_each($d) j CROSS JOIN terms x ON x.pk=$pk AND x.kind=json_extract(j.value,'$[0]') AND x.value=json_extract(j.value,'$[1]')) t CROSS JOIN studies s ON s.n=t.n WHERE 1");
            command.Parameters.AddWithValue("$d", Json(driver.Terms));
        }

        if (query.StudyDate is { } date)
        {
            sql.Append(" AND t.sort>=$dateFrom");
            command.Parameters.AddWithValue("$dateFrom", date.From ?? "0");
            if (date.To is { } to)
            {
                sql.Append(" AND t.sort<$dateTo");
                command.Parameters.AddWithValue("$dateTo", to + ":");
            }
        }

        if (continuation is not null)
        {
            var (sort, id) = Position(continuation);
            sql.Append(" AND (t.sort, t.id) < ($sort, $id)");
            command.Parameters.AddWithValue("$sort", sort);
            command.Parameters.AddWithValue("$id", id);
        }

        if (query.ScanLimit is null) sql.Append(others);
        return sql.Append(" ORDER BY t.sort DESC, t.id DESC").ToString();
    }

    /// <summary>The conditions other than the driver, looked up for each study that it finds.</summary>
    private string Others(SqliteCommand command, Condition driver)
    {
        var sql = new StringBuilder();
        for (var i = 0; i < _conditions.Count; i++)
        {
            var condition = _conditions[i];
            if (ReferenceEquals(condition, driver)) continue;
            if (condition.Ranges is { } ranges)
            {
                sql.Append(" AND (0");
                for (var r = 0; r < ranges.Count; r++)
                {
                    sql.Append(CultureInfo.InvariantCulture, $" OR EXISTS(SELECT 1 FROM terms x WHERE x.n=t.n AND x.kind={(int)ranges[r].Kind} AND x.value>=$c{i}f{r} AND x.value<$c{i}t{r}");
                    command.Parameters.AddWithValue($"$c{i}f{r}", ranges[r].From);
                    command.Parameters.AddWithValue($"$c{i}t{r}", ranges[r].To);
                    if (ranges[r].Glob is { } glob)
                    {
                        sql.Append(CultureInfo.InvariantCulture, $" AND x.value GLOB $c{i}g{r}");
                        command.Parameters.AddWithValue($"$c{i}g{r}", glob);
                    }

                    sql.Append(')');
                }

                sql.Append(')');
            }
            else
            {
                sql.Append(" AND (0");
                foreach (var group in condition.Terms.GroupBy(term => term.Kind))
                {
                    sql.Append(CultureInfo.InvariantCulture, $" OR EXISTS(SELECT 1 FROM terms x WHERE x.n=t.n AND x.kind={(int)group.Key} AND x.value IN (SELECT value FROM json_each($c{i}k{(int)group.Key})))");
                    command.Parameters.AddWithValue($"$c{i}k{(int)group.Key}", JsonSerializer.Serialize(group.Select(term => term.Value), DocumentJson.Options));
                }

                sql.Append(')');
            }
        }

        return sql.ToString();
    }

    private static string Json(IReadOnlyList<(TermKind Kind, string Value)> terms) =>
        JsonSerializer.Serialize(terms.Select(term => new object[] { (int)term.Kind, term.Value }), DocumentJson.Options);

    /// <summary>The same pattern in SQLite's GLOB, where <c>[</c> would open a character class.</summary>
    private static string Glob(string pattern) => pattern.Replace("[", "[[]", StringComparison.Ordinal);

    private static string Continuation(string sort, string id) => $"{sort}.{id}";

    private static (string Sort, string Id) Position(string continuation)
    {
        var dot = continuation.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? throw new InvalidContinuationException() : (continuation[..dot], continuation[(dot + 1)..]);
    }

    /// <summary>Values from <paramref name="From"/> on and before <paramref name="To"/>, that match <paramref name="Glob"/> if there is one.</summary>
    private sealed record TermRange(TermKind Kind, string From, string To, string? Glob);

    /// <param name="Terms">Any of these terms; empty with ranges.</param>
    /// <param name="Count">How many terms there are, counted up to the limit of gathering.</param>
    private sealed record Condition(IReadOnlyList<(TermKind Kind, string Value)> Terms, IReadOnlyList<TermRange>? Ranges, int Count)
    {
        public bool IsSingle => Terms.Count == 1;
    }
}
