using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>The instance index. Study and series keys are stored once and referred to by number: a row is about 200 bytes.</summary>
internal static class InstanceRows
{
    private const string Columns = "i.sop, i.class, st.id, se.key, i.dataset, i.pixel, i.pixel_kind, i.file, i.revision, i.trust, i.state, i.item, i.origin";

    public static List<InstanceIndexRow> Find(SqliteConnection connection, string pk, IReadOnlyCollection<string> sopInstanceUids)
    {
        var rows = new List<InstanceIndexRow>();
        using var found = connection.Raw($"""
            SELECT {Columns}
            FROM instances i CROSS JOIN studies st ON st.n=i.n CROSS JOIN series se ON se.s=i.s
            WHERE i.pk=? AND i.sop=? ORDER BY i.revision
            """);
        found.Bind(1, pk);
        foreach (var uid in sopInstanceUids.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            found.Bind(2, uid);
            Read(found, rows);
            found.Reset();
        }

        return rows;
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
        using var found = connection.Raw($"""
            SELECT {Columns}
            FROM instances i JOIN studies st ON st.n=i.n JOIN series se ON se.s=i.s WHERE i.pk=? AND i.sop>? ORDER BY i.sop LIMIT ?
            """);
        found.Bind(1, pk);
        found.Bind(2, after);
        found.Bind(3, limit + 1);
        var rows = new List<InstanceIndexRow>();
        Read(found, rows);
        if (rows.Count <= limit) return rows;

        // One row too many was asked for: it shows whether the last UID is whole. If not, that UID waits for the next page.
        var last = rows[^1].SopInstanceUid;
        var whole = rows.FindIndex(row => row.SopInstanceUid == last);
        return whole > 0 ? rows[..whole] : Find(connection, pk, [last]);
    }

    private static void Read(RawStatement found, List<InstanceIndexRow> rows)
    {
        while (found.Step())
        {
            rows.Add(new InstanceIndexRow
            {
                SopInstanceUid = found.Text(0),
                SopClassUid = found.Text(1),
                StudyKey = found.Text(2),
                SeriesKey = found.Text(3),
                DatasetDigest = found.Blob(4).ToArray(),
                PixelDigest = found.Blob(5).ToArray(),
                PixelDigestKind = found.Text(6),
                FileSha256 = found.Blob(7).ToArray(),
                Revision = (int)found.Int64(8),
                Trust = (SourceTrust)found.Int64(9),
                State = (InstanceState)found.Int64(10),
                ItemId = found.IsNull(11) ? null : found.Text(11),
                Origin = found.Int64(12),
            });
        }
    }

    public static void Write(SqliteConnection connection, long n, StudyDocument study, IReadOnlyList<InstanceIndexRow> rows)
    {
        if (rows.Count == 0) return;
        using var put = connection.Raw("""
            INSERT INTO instances VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)
            ON CONFLICT DO UPDATE SET s=?7, class=?8, file=?9, revision=?10, trust=?11, state=?12, origin=?13, item=?14
            """);
        put.Bind(1, study.Institution);
        put.Bind(3, n);
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            if (row.StudyKey != study.StudyKey) throw new ArgumentException("An index row belongs to another study than its change.", nameof(rows));
            if (!numbers.TryGetValue(row.SeriesKey, out var s)) numbers[row.SeriesKey] = s = SeriesNumber(connection, n, row.SeriesKey);
            put.Bind(2, row.SopInstanceUid);
            put.Bind(4, row.DatasetDigest);
            put.Bind(5, row.PixelDigest);
            put.Bind(6, row.PixelDigestKind);
            put.Bind(7, s);
            put.Bind(8, row.SopClassUid);
            put.Bind(9, row.FileSha256);
            put.Bind(10, row.Revision);
            put.Bind(11, (int)row.Trust);
            put.Bind(12, (int)row.State);
            put.Bind(13, row.Origin);
            put.Bind(14, row.ItemId);
            put.Run();
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
