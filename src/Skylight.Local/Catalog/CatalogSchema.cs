using Microsoft.Data.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>
/// Tables of <c>catalog.db</c>. <c>studies</c> is one row a study; <c>bodies</c> keeps the large documents out of the rows that searches read.
/// <c>terms</c> holds one row for each value that a visible study is found by, in order of study date, so that a search by any one key reads just
/// the page that it answers. <c>name_tails</c> holds the tails of distinct names, for patterns that begin with a wildcard.
/// </summary>
internal static class CatalogSchema
{
    public const string Sql = """
        CREATE TABLE IF NOT EXISTS studies(n INTEGER PRIMARY KEY, pk TEXT NOT NULL, id TEXT NOT NULL, uid TEXT NOT NULL, revision INTEGER NOT NULL,
          provisional INTEGER NOT NULL, outbox INTEGER NOT NULL, due INTEGER, summary BLOB NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS studies_by_id ON studies(pk, id);
        CREATE INDEX IF NOT EXISTS studies_by_uid ON studies(pk, uid);
        CREATE INDEX IF NOT EXISTS studies_with_events ON studies(n) WHERE outbox > 0;
        CREATE INDEX IF NOT EXISTS studies_due ON studies(due) WHERE due IS NOT NULL;
        CREATE TABLE IF NOT EXISTS bodies(n INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS terms(pk TEXT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL, sort TEXT NOT NULL, n INTEGER NOT NULL,
          PRIMARY KEY(pk, kind, value, sort, n)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS terms_by_study ON terms(n, kind, value);
        CREATE TABLE IF NOT EXISTS name_tails(pk TEXT NOT NULL, tail TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(pk, tail, name)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS series(s INTEGER PRIMARY KEY, n INTEGER NOT NULL, key TEXT NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS series_by_key ON series(n, key);
        CREATE TABLE IF NOT EXISTS instances(pk TEXT NOT NULL, sop TEXT NOT NULL, n INTEGER NOT NULL, dataset BLOB NOT NULL, pixel BLOB NOT NULL, pixel_kind TEXT NOT NULL,
          s INTEGER NOT NULL, class TEXT NOT NULL, file BLOB NOT NULL, revision INTEGER NOT NULL, trust INTEGER NOT NULL, state INTEGER NOT NULL, origin INTEGER NOT NULL, item TEXT,
          PRIMARY KEY(pk, sop, n, dataset, pixel)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS numbers(one INTEGER PRIMARY KEY CHECK(one = 1), next INTEGER NOT NULL);
        INSERT OR IGNORE INTO numbers VALUES(1, 1);
        CREATE TABLE IF NOT EXISTS applied(one INTEGER PRIMARY KEY CHECK(one = 1), sequence INTEGER NOT NULL);
        INSERT OR IGNORE INTO applied VALUES(1, 0);
        """;

    public static bool IsIn(string path)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM sqlite_master WHERE type='table' AND name IN ('studies', 'bodies', 'terms')";
            return command.ExecuteScalar() is 3L;
        }
        catch (SqliteException)
        {
            return false;
        }
    }

    /// <summary>Which terms there are and how they lie, as <c>user_version</c>; when it is raised, the next start makes the terms of every study anew.</summary>
    public const int TermsVersion = 1;
}

/// <summary>What a term is a value of. Stored: numbers are never reused.</summary>
internal enum TermKind
{
    /// <summary>Every visible study, under the empty value: the walk in order of date.</summary>
    All = 0,
    Name = 1,
    PatientId = 2,
    Accession = 3,
    Modality = 4,
    StudyId = 5,
    PatientKey = 6,
    StudyKey = 7,
    Uid = 8,

    /// <summary>A word of the study's attributes, and one of its reports.</summary>
    Keyword = 9,
    ReportWord = 10,
    BodyPart = 11,
    Tag = 12,
    Category = 13,
    Finding = 14,
    Measurement = 15,

    /// <summary>Only values that are not the usual one (level 4, hot, complete): a search for the rare ones must not walk through the others.</summary>
    Level = 16,
    Tier = 17,
    State = 18,

    /// <summary>Characters and word beginnings of names (<see cref="NameParts"/>): they narrow a search by a wildcard that fits many names.</summary>
    NamePart = 19,
}
