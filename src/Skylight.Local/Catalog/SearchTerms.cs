using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>The keys of a search that have terms, as conditions on them. A study must match all.</summary>
internal sealed class SearchTerms(SqliteConnection connection, string institution)
{
    /// <summary>A condition of more values than this is not taken apart into them.</summary>
    public const int Few = 1000;

    /// <summary>Behind every text: values are compared as UTF-8, where characters beyond U+FFFF come last.</summary>
    private const string End = "\U0010FFFF";

    private readonly List<TermCondition> _conditions = [];

    public IReadOnlyList<TermCondition> Of(StudyQuery query)
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
        foreach (var key in query.Measurements) AddMeasurement(key);
        foreach (var tag in query.Tags) AddValues(TermKind.Tag, [tag]);
        if (query.BodyParts.Count > 0) AddValues(TermKind.BodyPart, query.BodyParts);
        if (query.Categories.Count > 0) AddValues(TermKind.Category, query.Categories);
        if (query.Levels.Count > 0 && !query.Levels.Contains(StudyTerms.UsualLevel)) AddValues(TermKind.Level, query.Levels.Select(StudyTerms.LevelTerm));
        if (query.Tiers.Count > 0 && !query.Tiers.Contains(StorageTier.Hot)) AddValues(TermKind.Tier, query.Tiers.Select(tier => tier.ToString()));
        if (query.States.Count > 0 && !query.States.Contains(StudyState.Complete)) AddValues(TermKind.State, query.States.Select(state => state.ToString()));
        if (!query.Scope.IsAll) _conditions.Add(new TermCondition(TermSet.Of(TermKind.PatientKey, [.. query.Scope.PatientKeys ?? []]), TermSet.Of(TermKind.StudyKey, [.. query.Scope.StudyKeys ?? []])));
        return _conditions;
    }

    private void AddIdentifier(TermKind kind, string? key)
    {
        if (!StudyFilter.IsGiven(key)) return;
        var pattern = key!.Trim();
        if (!TextMatching.HasWildcard(pattern)) AddValues(kind, [pattern]);
        else _conditions.Add(new TermCondition(Prefix(kind, pattern)));
    }

    private void AddName(string pattern)
    {
        if (!TextMatching.HasWildcard(pattern))
        {
            AddValues(TermKind.Name, [pattern]);
            return;
        }

        var parts = NameParts.OfPattern(pattern).ToList();
        if (parts is [{ IsWhole: true } part] && pattern == $"*{part.Text}*")
        {
            // One character anywhere: that is what its term says.
            AddValues(TermKind.NamePart, [part.Text]);
            return;
        }

        if (TextMatching.LiteralPrefix(pattern).Length == 0 && NamesWith(pattern) is { } names) AddValues(TermKind.Name, names.Where(name => TextMatching.Matches(name, pattern)));
        else _conditions.Add(new TermCondition([Prefix(TermKind.Name, pattern)], [.. parts.Select(Hint).OfType<TermCondition>()]));
    }

    private TermCondition? Hint(NamePart part) =>
        part.IsWhole ? new TermCondition(TermSet.Of(TermKind.NamePart, part.Text)) : Beginning(part.Text) is { } values ? new TermCondition(TermSet.Of(TermKind.NamePart, values)) : null;

    private void AddKeyword(Keyword keyword, TermKind[] kinds) =>
        _conditions.Add(new TermCondition([.. kinds.Select(kind => keyword.IsPrefix ? TermSet.Of(kind, keyword.Text, keyword.Text + End, null) : TermSet.Of(kind, keyword.Text))]));

    private void AddMeasurement(MeasurementKey key)
    {
        var (first, last) = key.Terms();
        _conditions.Add(new TermCondition(TermSet.Of(TermKind.Measurement, first, last + '\0', null)));
    }

    private void AddValues(TermKind kind, IEnumerable<string> values) => _conditions.Add(new TermCondition(TermSet.Of(kind, [.. values.Distinct(StringComparer.Ordinal)])));

    /// <summary>A wildcard after some literal text, which may be empty: the values of a range, of which those count that match.</summary>
    private static TermSet Prefix(TermKind kind, string pattern)
    {
        var prefix = TextMatching.LiteralPrefix(pattern);
        return TermSet.Of(kind, prefix, prefix + End, pattern == prefix + "*" ? null : Glob(pattern));
    }

    /// <summary>The same pattern in SQLite's GLOB, where <c>[</c> would open a character class.</summary>
    private static string Glob(string pattern) => pattern.Replace("[", "[[]", StringComparison.Ordinal);

    /// <summary>Parts of names that begin so; null when they are too many to walk. Each is looked for behind the one before: the studies in between are not read.</summary>
    private List<string>? Beginning(string text)
    {
        using var statement = connection.Raw("SELECT value FROM terms WHERE pk=? AND kind=? AND value>=? AND value<? ORDER BY value LIMIT 1");
        statement.Bind(1, institution);
        statement.Bind(2, (int)TermKind.NamePart);
        statement.Bind(3, text);
        statement.Bind(4, text + End);
        var found = new List<string>();
        while (statement.Step())
        {
            if (found.Count == TermCondition.MaxStreams) return null;
            found.Add(statement.Text(0));
            statement.Reset();
            statement.Bind(3, found[^1] + '\0');
        }

        return found;
    }

    /// <summary>Names with the longest literal run of a pattern somewhere in them, which may repeat; null when they are too many to list.</summary>
    private HashSet<string>? NamesWith(string pattern)
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
}
