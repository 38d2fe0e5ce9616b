using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>The instance index. Study and series keys are stored once and referred to by number: a row is about 200 bytes.</summary>
internal static class InstanceRows
{
    private const string Columns = "i.sop, i.class, st.id, se.key, i.dataset, i.pixel, i.pixel_kind, i.file, i.revision, i.trust, i.state, i.item, i.origin";

    public static IReadOnlyList<InstanceIndexRow> Find(SqliteConnection connection, string pk, IReadOnlyCollection<string> sopInstanceUids)
    {
        using var command = connection.Statement($"""
            SELECT {Columns}
            FROM json_each($sops) u CROSS JOIN instances i ON i.pk=$pk AND i.sop=u.value JOIN studies st ON st.n=i.n JOIN series se ON se.s=i.s
            ORDER BY i.sop, i.revision
            """);
        command.Parameters.AddWithValue("$pk", pk);
        command.Parameters.AddWithValue("$sops", JsonSerializer.Serialize(sopInstanceUids.Distinct(StringComparer.Ordinal)));
        return Read(command);
    }

    /// <summary>Stored rows with newer ones laid over them: the last of each identity, in order of UID and revision.</summary>
    public static IReadOnlyList<InstanceIndexRow> Merge(IReadOnlyList<InstanceIndexRow> stored, IReadOnlyList<InstanceIndexRow> newer)
    {
        var rows = new List<InstanceIndexRow>(stored);
        foreach (var row in newer)
        {
            var at = rows.FindIndex(known => known.SopInstanceUid == row.SopInstanceUid && known.StudyKey == row.StudyKey
                && known.DatasetDigest.AsSpan().SequenceEqual(row.DatasetDigest) && known.PixelDigest.AsSpan().SequenceEqual(row.PixelDigest));
            if (at < 0) rows.Add(row);
            else rows[at] = row;
        }

        return [.. rows.OrderBy(row => row.SopInstanceUid, StringComparer.Ordinal).ThenBy(row => row.Revision)];
    }

    /// <summary>Rows after a UID, in order of UID, never some of a UID's rows alone.</summary>
    public static IReadOnlyList<InstanceIndexRow> List(SqliteConnection connection, string pk, string after, int limit)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT {Columns}
            FROM instances i JOIN studies st ON st.n=i.n JOIN series se ON se.s=i.s WHERE i.pk=$pk AND i.sop>$after ORDER BY i.sop LIMIT $limit
            """;
        command.Parameters.AddWithValue("$pk", pk);
        command.Parameters.AddWithValue("$after", after);
        command.Parameters.AddWithValue("$limit", limit + 1);
        var rows = Read(command);
        if (rows.Count <= limit) return rows;

        // One row too many was asked for: it shows whether the last UID is whole. If not, that UID waits for the next page.
        var last = rows[^1].SopInstanceUid;
        var whole = rows.FindIndex(row => row.SopInstanceUid == last);
        return whole > 0 ? rows[..whole] : Find(connection, pk, [last]);
    }

    private static List<InstanceIndexRow> Read(SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        var rows = new List<InstanceIndexRow>();
        while (reader.Read())
        {
            rows.Add(new InstanceIndexRow
            {
                SopInstanceUid = reader.GetString(0),
                SopClassUid = reader.GetString(1),
                StudyKey = reader.GetString(2),
                SeriesKey = reader.GetString(3),
                DatasetDigest = reader.GetFieldValue<byte[]>(4),
                PixelDigest = reader.GetFieldValue<byte[]>(5),
                PixelDigestKind = reader.GetString(6),
                FileSha256 = reader.GetFieldValue<byte[]>(7),
                Revision = reader.GetInt32(8),
                Trust = (SourceTrust)reader.GetInt32(9),
                State = (InstanceState)reader.GetInt32(10),
                ItemId = reader.IsDBNull(11) ? null : reader.GetString(11),
                Origin = reader.GetInt64(12),
            });
        }

        return rows;
    }

    public static void Write(SqliteConnection connection, long n, StudyDocument study, IReadOnlyList<InstanceIndexRow> rows)
    {
        if (rows.Count == 0) return;
        using var put = connection.Statement("""
            INSERT INTO instances VALUES($pk,$sop,$n,$dataset,$pixel,$kind,$s,$class,$file,$revision,$trust,$state,$origin,$item)
            ON CONFLICT DO UPDATE SET s=$s, class=$class, file=$file, revision=$revision, trust=$trust, state=$state, origin=$origin, item=$item
            """);
        put.Parameters.AddWithValue("$pk", study.Institution);
        put.Parameters.AddWithValue("$n", n);
        var sop = put.Parameters.Add("$sop", SqliteType.Text);
        var dataset = put.Parameters.Add("$dataset", SqliteType.Blob);
        var pixel = put.Parameters.Add("$pixel", SqliteType.Blob);
        var kind = put.Parameters.Add("$kind", SqliteType.Text);
        var series = put.Parameters.Add("$s", SqliteType.Integer);
        var sopClass = put.Parameters.Add("$class", SqliteType.Text);
        var file = put.Parameters.Add("$file", SqliteType.Blob);
        var revision = put.Parameters.Add("$revision", SqliteType.Integer);
        var trust = put.Parameters.Add("$trust", SqliteType.Integer);
        var state = put.Parameters.Add("$state", SqliteType.Integer);
        var origin = put.Parameters.Add("$origin", SqliteType.Integer);
        var item = put.Parameters.Add("$item", SqliteType.Text);
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            if (row.StudyKey != study.StudyKey) throw new ArgumentException("An index row belongs to another study than its change.", nameof(rows));
            if (!numbers.TryGetValue(row.SeriesKey, out var s)) numbers[row.SeriesKey] = s = SeriesNumber(connection, n, row.SeriesKey);
            sop.Value = row.SopInstanceUid;
            dataset.Value = row.DatasetDigest;
            pixel.Value = row.PixelDigest;
            kind.Value = row.PixelDigestKind;
            series.Value = s;
            sopClass.Value = row.SopClassUid;
            file.Value = row.FileSha256;
            revision.Value = row.Revision;
            trust.Value = (int)row.Trust;
            state.Value = (int)row.State;
            origin.Value = row.Origin;
            item.Value = (object?)row.ItemId ?? DBNull.Value;
            put.ExecuteNonQuery();
        }
    }

    /// <summary>Takes the rows of one study under these UIDs out.</summary>
    public static void Remove(SqliteConnection connection, string pk, long n, IReadOnlyCollection<string> sopInstanceUids)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM instances WHERE pk=$pk AND sop=$sop AND n=$n";
        command.Parameters.AddWithValue("$pk", pk);
        command.Parameters.AddWithValue("$n", n);
        var sop = command.Parameters.Add("$sop", SqliteType.Text);
        foreach (var uid in sopInstanceUids)
        {
            sop.Value = uid;
            command.ExecuteNonQuery();
        }
    }

    private static long SeriesNumber(SqliteConnection connection, long n, string seriesKey)
    {
        using var command = connection.Statement("INSERT INTO series(n,key) VALUES($n,$key) ON CONFLICT DO UPDATE SET key=key RETURNING s");
        command.Parameters.AddWithValue("$n", n);
        command.Parameters.AddWithValue("$key", seriesKey);
        return (long)command.ExecuteScalar()!;
    }
}
