using System.Text;
using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>A statement that is put together, with its values in the order of their places (<c>?</c>). The text never holds a value, so that few texts are compiled.</summary>
internal sealed class SqlText
{
    private readonly StringBuilder _text = new();
    private readonly List<object?> _values = [];

    public bool IsEmpty => _text.Length == 0;

    public SqlText Add(string text, params ReadOnlySpan<object?> values)
    {
        _text.Append(text);
        _values.AddRange(values);
        return this;
    }

    public SqlText Add(SqlText other)
    {
        _text.Append(other._text);
        _values.AddRange(other._values);
        return this;
    }

    /// <summary>The compiled statement with its values bound.</summary>
    public RawStatement On(SqliteConnection connection)
    {
        var statement = connection.Raw(_text.ToString());
        statement.BindAll(_values);
        return statement;
    }
}
