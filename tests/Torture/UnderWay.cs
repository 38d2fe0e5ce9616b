using Microsoft.Data.Sqlite;

namespace Skylight.Torture;

/// <summary>The orchestrations that have begun and not ended, as a folder has them: after a kill those that it has interrupted.</summary>
internal static class UnderWay
{
    public static IReadOnlyList<(string Name, int Count)> Of(string data)
    {
        var path = Path.Combine(data, "durable.db");
        if (!File.Exists(path)) return [];
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT name, COUNT(*) FROM instances WHERE completed IS NULL GROUP BY name";
        using var reader = command.ExecuteReader();
        var open = new List<(string, int)>();
        while (reader.Read()) open.Add((reader.GetString(0), reader.GetInt32(1)));
        return open;
    }
}
