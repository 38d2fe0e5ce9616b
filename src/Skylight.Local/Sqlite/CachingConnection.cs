using Microsoft.Data.Sqlite;

namespace Skylight.Local.Sqlite;

/// <summary>
/// A connection that keeps the statements it has compiled: compiling costs several times what running a small statement does. Statements made by
/// <see cref="SqliteConnection.CreateCommand"/> are not kept, so text that differs from call to call fills nothing.
/// </summary>
internal sealed class CachingConnection(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>Callers have a few dozen fixed texts; past this something is building its text from values.</summary>
    private const int MaxKept = 256;

    private readonly Dictionary<string, CachedCommand> _idle = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Stack<RawStatement>> _idleRaw = new(StringComparer.Ordinal);
    private int _keptRaw;
    private bool _closed;

    /// <summary>A command with this text and no parameters. Disposing it gives it back; one that is in use is never handed out twice.</summary>
    public SqliteCommand Rent(string sql)
    {
        if (!_idle.Remove(sql, out var command)) return new CachedCommand(this, sql);
        command.Parameters.Clear();
        return command;
    }

    /// <inheritdoc cref="Rent"/>
    /// <remarks>As many of one text are kept as were in use at once: a search walks several terms side by side.</remarks>
    public RawStatement RentRaw(string sql)
    {
        if (!_idleRaw.TryGetValue(sql, out var idle) || !idle.TryPop(out var statement)) return new RawStatement(this, sql);
        _keptRaw--;
        return statement;
    }

    internal bool Return(RawStatement statement)
    {
        if (_closed || _keptRaw >= MaxKept) return false;
        if (!_idleRaw.TryGetValue(statement.Sql, out var idle)) _idleRaw.Add(statement.Sql, idle = new Stack<RawStatement>());
        idle.Push(statement);
        _keptRaw++;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        _closed = true;
        foreach (var statement in _idleRaw.Values.SelectMany(static idle => idle)) statement.Discard();
        _idleRaw.Clear();
        foreach (var command in _idle.Values) command.Discard();
        _idle.Clear();
        base.Dispose(disposing);
    }

    private bool Return(CachedCommand command) => !_closed && _idle.Count < MaxKept && _idle.TryAdd(command.CommandText, command);

    private sealed class CachedCommand(CachingConnection owner, string sql) : SqliteCommand(sql, owner)
    {
        public void Discard() => base.Dispose(true);

        protected override void Dispose(bool disposing)
        {
            if (!disposing || !owner.Return(this)) base.Dispose(disposing);
        }
    }
}

/// <summary>Statements that are compiled once for each connection of a <see cref="SqliteDatabase"/>.</summary>
internal static class CachedStatements
{
    /// <summary>A command with a fixed text; pass values as parameters. Dispose it, its readers first.</summary>
    public static SqliteCommand Statement(this SqliteConnection connection, string sql)
    {
        if (connection is CachingConnection caching) return caching.Rent(sql);
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }

    /// <summary>As <see cref="Statement"/>, without ADO.NET; for connections of a <see cref="SqliteDatabase"/> only. Parameters are <c>?</c>.</summary>
    public static RawStatement Raw(this SqliteConnection connection, string sql) => ((CachingConnection)connection).RentRaw(sql);
}
