using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>A condition that is looked up for one study after the other.</summary>
internal sealed class TermLookup(SqliteConnection connection, TermCondition condition) : IDisposable
{
    private readonly List<SetLookup> _sets = [.. condition.Sets.Select(set => new SetLookup(connection, set))];

    public TermCondition Condition => condition;

    public bool Matches(long n) => _sets.Exists(set => set.Matches(n));

    public void Dispose()
    {
        foreach (var set in _sets) set.Dispose();
    }

    private sealed class SetLookup : IDisposable
    {
        private readonly RawStatement _statement;

        // SQLite would list many values anew for each study.
        private readonly HashSet<string>? _values;

        public SetLookup(SqliteConnection connection, TermSet set)
        {
            _values = set.Values is { Count: > 1 } values ? values.ToHashSet(StringComparer.Ordinal) : null;
            var sql = new SqlText().Add("SELECT x.value FROM terms x WHERE x.n=? AND x.kind=?", null, (int)set.Kind);
            _statement = (_values is null ? sql.Add(set.Condition()) : sql).On(connection);
        }

        public bool Matches(long n)
        {
            _statement.Bind(1, n);
            var found = false;
            while (!found && _statement.Step()) found = _values is null || _values.Contains(_statement.Text(0));
            _statement.Reset();
            return found;
        }

        public void Dispose() => _statement.Dispose();
    }
}
