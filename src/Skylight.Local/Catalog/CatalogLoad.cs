using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// Gathers the terms of many studies in a temporary file and writes them sorted. One by one every term lands on another page of two large indexes, which
/// costs a page written for each; sorted, every page is written once. Used inside a transaction.
/// </summary>
internal sealed class CatalogLoad : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly RawStatement _term;
    private readonly RawStatement _tail;
    private readonly HashSet<(string Pk, string Name)> _names = [];

    public CatalogLoad(SqliteConnection connection)
    {
        _connection = connection;
        Drop();
        SqliteDatabase.Run(connection, """
            CREATE TEMP TABLE load_terms(pk TEXT, kind INTEGER, value TEXT, sort TEXT, n INTEGER);
            CREATE TEMP TABLE load_tails(pk TEXT, tail TEXT, name TEXT);
            """);
        _term = connection.Raw("INSERT INTO temp.load_terms VALUES(?,?,?,?,?)");
        _tail = connection.Raw("INSERT INTO temp.load_tails VALUES(?,?,?)");
    }

    /// <summary>Every term that there is goes, in whatever form; to be followed by all studies.</summary>
    public void Clear() => SqliteDatabase.Run(_connection, "DROP TABLE terms; DELETE FROM name_tails;" + CatalogSchema.Sql);

    public void Add(long n, StudyDocument study, HashSet<(TermKind Kind, string Value)> terms)
    {
        var sort = StudyFilter.SortKey(study.Attributes);
        _term.Bind(1, study.Institution);
        _term.Bind(4, sort);
        _term.Bind(5, n);
        foreach (var (kind, value) in terms)
        {
            _term.Bind(2, (int)kind);
            _term.Bind(3, value);
            _term.Run();
            if (kind == TermKind.Name && _names.Add((study.Institution, value))) AddTails(study.Institution, value);
        }
    }

    public void Complete() => SqliteDatabase.Run(_connection, """
        DROP INDEX terms_by_study;
        INSERT INTO terms SELECT pk, kind, value, sort, n FROM temp.load_terms ORDER BY pk, kind, value, sort, n;
        CREATE INDEX terms_by_study ON terms(n, kind, value);
        INSERT OR IGNORE INTO name_tails SELECT pk, tail, name FROM temp.load_tails ORDER BY pk, tail, name;
        """);

    public void Dispose()
    {
        _term.Dispose();
        _tail.Dispose();
        Drop();
    }

    private void AddTails(string pk, string name)
    {
        _tail.Bind(1, pk);
        _tail.Bind(3, name);
        foreach (var tail in StudyTerms.Tails(name))
        {
            _tail.Bind(2, tail);
            _tail.Run();
        }
    }

    private void Drop() => SqliteDatabase.Run(_connection, "DROP TABLE IF EXISTS temp.load_terms; DROP TABLE IF EXISTS temp.load_tails");
}
