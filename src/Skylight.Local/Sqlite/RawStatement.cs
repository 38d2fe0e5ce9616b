using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Skylight.Local.Sqlite;

/// <summary>
/// One compiled statement of a connection without ADO.NET around it, for the few that nearly every request runs: a command with its parameters and its
/// reader costs several times what such a statement does. Not thread-safe; used where its connection is.
/// </summary>
internal sealed class RawStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;
    private readonly CachingConnection _owner;

    internal RawStatement(CachingConnection owner, string sql)
    {
        (_owner, Sql) = (owner, sql);
        _database = owner.Handle ?? throw new InvalidOperationException("The connection is not open.");
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(_database, sql, out _statement), _database);
    }

    public string Sql { get; }

    /// <param name="at">Place of the parameter, from 1.</param>
    public void Bind(int at, long value) => Check(raw.sqlite3_bind_int64(_statement, at, value));

    /// <inheritdoc cref="Bind(int, long)"/>
    public void Bind(int at, string? value) => Check(value is null ? raw.sqlite3_bind_null(_statement, at) : raw.sqlite3_bind_text(_statement, at, value));

    /// <inheritdoc cref="Bind(int, long)"/>
    /// <remarks>No bytes are an empty value, not NULL.</remarks>
    public void Bind(int at, ReadOnlySpan<byte> value) => Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_statement, at, 0) : raw.sqlite3_bind_blob(_statement, at, value));

    /// <summary>Goes to the next row; false after the last one.</summary>
    /// <exception cref="SqliteException">The statement failed.</exception>
    public bool Step()
    {
        var result = raw.sqlite3_step(_statement);
        if (result == raw.SQLITE_ROW) return true;
        if (result != raw.SQLITE_DONE) Check(result);
        return false;
    }

    /// <summary>Runs a statement that answers no rows, and makes it ready for the next time.</summary>
    public void Run()
    {
        try
        {
            Step();
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Binds values in order: texts, whole numbers, bytes.</summary>
    public void BindAll(IReadOnlyList<object?> values)
    {
        for (var i = 0; i < values.Count; i++)
        {
            switch (values[i])
            {
                case null or string:
                    Bind(i + 1, (string?)values[i]);
                    break;
                case byte[] bytes:
                    Bind(i + 1, bytes);
                    break;
                default:
                    Bind(i + 1, Convert.ToInt64(values[i], CultureInfo.InvariantCulture));
                    break;
            }
        }
    }

    /// <summary>Ends a walk through rows; parameters stay bound.</summary>
    public void Reset() => _ = raw.sqlite3_reset(_statement); // Repeats the error of the last step, which that has thrown.

    public long Int64(int column) => raw.sqlite3_column_int64(_statement, column);

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    /// <summary>The bytes of a column, valid until the next step.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(_statement, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    /// <summary>Gives the statement back to its connection, which keeps it compiled, and without the values it was bound to.</summary>
    public void Dispose()
    {
        Reset();
        _ = raw.sqlite3_clear_bindings(_statement); // Always succeeds.
        if (!_owner.Return(this)) Discard();
    }

    internal void Discard() => _statement.Dispose();

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _database);
}
