using System.Globalization;
using System.Text;
using Microsoft.Azure.Cosmos;
using Skylight.Core.Catalog;

namespace Skylight.Azure.Cosmos;

/// <summary>The SQL of one search: every key that has terms becomes a condition on them, values travel as parameters.</summary>
internal sealed class StudyQueryText
{
    private readonly StringBuilder _where = new("c.pk = @pk AND c.shown = true AND c[\"order\"] < @after");
    private readonly List<(string Name, object Value)> _parameters = [];

    public StudyQueryText(string institution, StudyQuery query)
    {
        _parameters.Add(("@pk", institution));
        if (query.StudyInstanceUids.Count > 0) AnyOf(StudySearchTerms.Uid, query.StudyInstanceUids);
        Identifier(StudySearchTerms.PatientId, query.PatientId);
        Identifier(StudySearchTerms.Accession, query.AccessionNumber);
        Identifier(StudySearchTerms.StudyId, query.StudyId);
        if (query.ModalitiesInStudy.Count > 0) AnyOf(StudySearchTerms.Modality, query.ModalitiesInStudy);
        if (StudyFilter.IsGiven(query.PatientName))
            foreach (var pattern in TextMatching.NamePatterns(query.PatientName!)) Pattern(StudySearchTerms.Name, pattern);
        foreach (var keyword in query.Keywords) Word(keyword, [StudySearchTerms.Keyword, StudySearchTerms.ReportWord]);
        foreach (var keyword in query.ReportText) Word(keyword, [StudySearchTerms.ReportWord]);
        foreach (var code in query.Findings) AnyOf(StudySearchTerms.Finding, [code]);
        foreach (var key in query.Measurements) Range(key);
        foreach (var tag in query.Tags) AnyOf(StudySearchTerms.Tag, [tag]);
        if (query.BodyParts.Count > 0) AnyOf(StudySearchTerms.BodyPart, query.BodyParts);
        if (query.Categories.Count > 0) AnyOf(StudySearchTerms.Category, query.Categories);
        Date(query.StudyDate);
        Scope(query.Scope);
    }

    /// <summary>A query for the first results below a place in the order.</summary>
    /// <param name="select">What of the study <c>c</c> is wanted.</param>
    public QueryDefinition Page(string select, int top, string after)
    {
        var query = new QueryDefinition(string.Create(CultureInfo.InvariantCulture, $"SELECT TOP {top} {select} FROM c WHERE {_where} ORDER BY c[\"order\"] DESC")).WithParameter("@after", after);
        foreach (var (name, value) in _parameters) query = query.WithParameter(name, value);
        return query;
    }

    private void Identifier(char kind, string? key)
    {
        if (StudyFilter.IsGiven(key)) Pattern(kind, key!.Trim());
    }

    private void Pattern(char kind, string pattern)
    {
        if (!TextMatching.HasWildcard(pattern))
        {
            And($"ARRAY_CONTAINS(c.terms, {Add(StudySearchTerms.Term(kind, pattern))})");
            return;
        }

        // The prefix narrows by the index; the expression decides among what is left.
        var prefix = $"STARTSWITH(t, {Add(StudySearchTerms.Prefix(kind, pattern))})";
        And(StudySearchTerms.IsPrefix(pattern)
            ? $"EXISTS(SELECT VALUE t FROM t IN c.terms WHERE {prefix})"
            : $"EXISTS(SELECT VALUE t FROM t IN c.terms WHERE {prefix} AND RegexMatch(t, {Add(StudySearchTerms.Regex(kind, pattern))}))");
    }

    private void AnyOf(char kind, IEnumerable<string> values) =>
        And($"({string.Join(" OR ", values.Distinct(StringComparer.Ordinal).Select(value => $"ARRAY_CONTAINS(c.terms, {Add(StudySearchTerms.Term(kind, value))})"))})");

    private void Word(Keyword keyword, char[] kinds) => And(keyword.IsPrefix
        ? $"EXISTS(SELECT VALUE t FROM t IN c.terms WHERE {string.Join(" OR ", kinds.Select(kind => $"STARTSWITH(t, {Add(StudySearchTerms.Term(kind, keyword.Text))})"))})"
        : $"({string.Join(" OR ", kinds.Select(kind => $"ARRAY_CONTAINS(c.terms, {Add(StudySearchTerms.Term(kind, keyword.Text))})"))})");

    private void Range(MeasurementKey key)
    {
        var (first, last) = key.Terms();
        And($"EXISTS(SELECT VALUE t FROM t IN c.terms WHERE t >= {Add(StudySearchTerms.Term(StudySearchTerms.Measurement, first))} AND t <= {Add(StudySearchTerms.Term(StudySearchTerms.Measurement, last))})");
    }

    private void Date(DicomRange? date)
    {
        if (date is null) return;

        // Without a date the order begins with the dot, which is less than any digit.
        And($"c[\"order\"] >= {Add(date.From ?? "0")}");
        if (date.To is { } to) And($"c[\"order\"] < {Add(to + ":")}");
    }

    private void Scope(StudyScope scope)
    {
        if (scope.IsAll) return;
        And($"(ARRAY_CONTAINS({Add((scope.PatientKeys ?? []).ToArray())}, c.patientKey) OR ARRAY_CONTAINS({Add((scope.StudyKeys ?? []).ToArray())}, c.id))");
    }

    private void And(string condition) => _where.Append(" AND ").Append(condition);

    private string Add(object value)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"@v{_parameters.Count}");
        _parameters.Add((name, value));
        return name;
    }
}
