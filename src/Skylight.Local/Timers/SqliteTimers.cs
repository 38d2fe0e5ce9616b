using Microsoft.Data.Sqlite;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Timers;

/// <summary>How far a timer function has come; in UTC.</summary>
/// <param name="Schedule">The expression that <paramref name="Next"/> was computed from.</param>
/// <param name="Last">When it was due the last time that it ran; null before the first run.</param>
/// <param name="Next">When it is due next.</param>
public sealed record TimerState(string Schedule, DateTime? Last, DateTime Next, DateTime Updated);

/// <summary>Keeps the state of timer functions across restarts.</summary>
public sealed class SqliteTimers(SqliteDatabase database)
{
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS timers(function TEXT PRIMARY KEY, schedule TEXT NOT NULL, last INTEGER, next INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;
        """;

    public TimerState? Get(string function) => database.Read(connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT schedule, last, next, updated FROM timers WHERE function=$function";
        command.Parameters.AddWithValue("$function", function);
        using var reader = command.ExecuteReader();
        return reader.Read()
            ? new TimerState(reader.GetString(0), reader.IsDBNull(1) ? null : Time(reader, 1), Time(reader, 2), Time(reader, 3))
            : null;
    });

    public async Task SetAsync(string function, TimerState state, CancellationToken cancellationToken) =>
        await database.WriteAsync(
            connection =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "INSERT INTO timers VALUES($function,$schedule,$last,$next,$updated) ON CONFLICT DO UPDATE SET schedule=$schedule, last=$last, next=$next, updated=$updated";
                command.Parameters.AddWithValue("$function", function);
                command.Parameters.AddWithValue("$schedule", state.Schedule);
                command.Parameters.AddWithValue("$last", state.Last is { } last ? last.Ticks : DBNull.Value);
                command.Parameters.AddWithValue("$next", state.Next.Ticks);
                command.Parameters.AddWithValue("$updated", state.Updated.Ticks);
                return command.ExecuteNonQuery();
            },
            cancellationToken);

    private static DateTime Time(SqliteDataReader reader, int column) => new(reader.GetInt64(column), DateTimeKind.Utc);
}
