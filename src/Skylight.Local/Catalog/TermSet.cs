using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Local.Catalog;

/// <summary>Terms of one kind: those with one of <paramref name="Values"/>, or those from <paramref name="From"/> on and before <paramref name="To"/> that match <paramref name="Glob"/> if there is one.</summary>
internal sealed record TermSet(TermKind Kind, IReadOnlyList<string>? Values, string? From, string? To, string? Glob)
{
    public static TermSet Of(TermKind kind, string value) => new(kind, [value], null, null, null);

    public static TermSet Of(TermKind kind, IReadOnlyList<string> values) => new(kind, values, null, null, null);

    public static TermSet Of(TermKind kind, string from, string to, string? glob) => new(kind, null, from, to, glob);

    /// <summary>The condition on a row <c>x</c> of <c>terms</c> beyond its kind.</summary>
    public SqlText Condition()
    {
        var sql = new SqlText();
        if (Values is [var one]) return sql.Add(" AND x.value=?", one);
        if (Values is not null) return sql.Add(" AND x.value IN (SELECT value FROM json_each(?))", JsonSerializer.Serialize(Values, DocumentJson.Options));
        sql.Add(" AND x.value>=? AND x.value<?", From, To);
        return Glob is null ? sql : sql.Add(" AND x.value GLOB ?", Glob);
    }
}

/// <summary>A study matches with a term of any of these sets.</summary>
/// <param name="Hints">Conditions that every study matches which matches this one; not the other way round.</param>
internal sealed record TermCondition(IReadOnlyList<TermSet> Sets, IReadOnlyList<TermCondition> Hints)
{
    /// <summary>More values than this are not walked side by side.</summary>
    public const int MaxStreams = 64;

    public TermCondition(params TermSet[] sets) : this(sets, []) { }

    /// <summary>Whether it is a list of values, not too long to look each up.</summary>
    public bool IsListed => Sets.All(static set => set.Values is not null) && Values <= SearchTerms.Few;

    public int Values => Sets.Sum(static set => set.Values?.Count ?? 0);

    /// <summary>Whether the studies of this condition can be walked in order: it has few values, each of which is walked by itself.</summary>
    public bool IsWalked => IsListed && Values <= MaxStreams;
}
