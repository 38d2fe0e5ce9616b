using System.Globalization;
using Microsoft.Data.Sqlite;
using Skylight.Core.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Catalog;

/// <summary>Keeps the search terms of a study in step with its document.</summary>
internal static class StudyTerms
{
    /// <summary>The level of nearly all studies, which has no term.</summary>
    public const int UsualLevel = 4;

    private const int FewTerms = 8;

    public static string LevelTerm(int level) => level.ToString(CultureInfo.InvariantCulture);

    /// <summary>Writes what has changed: a study that becomes quiet has one term more and one less, and some sixty that stay.</summary>
    public static void Write(SqliteConnection connection, long n, StudyDocument study)
    {
        var sort = StudyFilter.SortKey(study.Attributes);
        var missing = Of(study);
        if (Surplus(connection, n, sort, missing) is { } surplus)
        {
            Delete(connection, study.Institution, n, sort, surplus);
        }
        else
        {
            Remove(connection, study.Institution, n);
            missing = Of(study);
        }

        if (missing.Count == 0) return;
        using var insert = connection.Raw("INSERT OR IGNORE INTO terms VALUES(?,?,?,?,?)");
        insert.Bind(1, study.Institution);
        insert.Bind(4, sort);
        insert.Bind(5, n);
        foreach (var term in missing)
        {
            insert.Bind(2, (int)term.Kind);
            insert.Bind(3, term.Value);
            insert.Run();
            if (term.Kind == TermKind.Name) WriteTails(connection, study.Institution, term.Value);
        }
    }

    /// <summary>Every value that a study is found by.</summary>
    public static HashSet<(TermKind Kind, string Value)> Of(StudyDocument study)
    {
        var terms = new HashSet<(TermKind, string)>();
        if (!study.IsVisible()) return terms;
        terms.Add((TermKind.All, ""));
        terms.Add((TermKind.StudyKey, study.StudyKey));
        terms.Add((TermKind.Uid, study.StudyInstanceUid));
        terms.Add((TermKind.PatientKey, study.PatientKey));
        Add(TermKind.PatientId, study.Attributes.PatientId);
        Add(TermKind.Accession, study.Attributes.AccessionNumber);
        Add(TermKind.StudyId, study.Attributes.StudyId);
        foreach (var modality in study.Attributes.Modalities) Add(TermKind.Modality, modality);
        foreach (var form in TextMatching.NameForms(study.Attributes.PatientName))
        {
            terms.Add((TermKind.Name, form));
            foreach (var part in NameParts.Of(form)) terms.Add((TermKind.NamePart, part));
        }

        foreach (var word in Keywords.Of(study)) terms.Add((TermKind.Keyword, word));
        foreach (var part in StudyFilter.BodyParts(study)) terms.Add((TermKind.BodyPart, part));
        foreach (var tag in study.Tags) Add(TermKind.Tag, tag);
        foreach (var category in study.Categories) Add(TermKind.Category, category);
        foreach (var report in study.Reports)
        {
            foreach (var word in report.Words) terms.Add((TermKind.ReportWord, word));
            foreach (var code in report.Codes) terms.Add((TermKind.Finding, code));
            foreach (var term in report.Measurements.SelectMany(MeasurementKey.TermsOf)) terms.Add((TermKind.Measurement, term));
        }

        if (study.Level != UsualLevel) terms.Add((TermKind.Level, LevelTerm(study.Level)));
        if (study.Tier != StorageTier.Hot) terms.Add((TermKind.Tier, study.Tier.ToString()));
        if (study.State != StudyState.Complete) terms.Add((TermKind.State, study.State.ToString()));
        return terms;

        void Add(TermKind kind, string? value)
        {
            if (value?.Trim() is { Length: > 0 } trimmed) terms.Add((kind, trimmed));
        }
    }

    /// <summary>
    /// The stored terms that the study has no longer; what is stored is taken out of <paramref name="wanted"/>. Null when so much has changed that all are better
    /// written anew: the place in the order of dates, a name, or many.
    /// </summary>
    private static List<(TermKind Kind, string Value)>? Surplus(SqliteConnection connection, long n, string sort, HashSet<(TermKind Kind, string Value)> wanted)
    {
        var surplus = new List<(TermKind Kind, string Value)>();
        using var stored = connection.Raw("SELECT kind, value, sort FROM terms WHERE n=?");
        stored.Bind(1, n);
        while (stored.Step())
        {
            var term = ((TermKind)stored.Int64(0), stored.Text(1));
            if (stored.Text(2) != sort) return null;
            if (wanted.Remove(term)) continue;
            if (term.Item1 == TermKind.Name || surplus.Count == FewTerms) return null;
            surplus.Add(term);
        }

        return surplus;
    }

    private static void Delete(SqliteConnection connection, string pk, long n, string sort, List<(TermKind Kind, string Value)> surplus)
    {
        if (surplus.Count == 0) return;
        using var delete = connection.Raw("DELETE FROM terms WHERE pk=? AND kind=? AND value=? AND sort=? AND n=?");
        delete.Bind(1, pk);
        delete.Bind(4, sort);
        delete.Bind(5, n);
        foreach (var (kind, value) in surplus)
        {
            delete.Bind(2, (int)kind);
            delete.Bind(3, value);
            delete.Run();
        }
    }

    /// <summary>Takes all terms of a study out, and the tails of names that no other study has.</summary>
    public static void Remove(SqliteConnection connection, string pk, long n)
    {
        var names = new List<string>();
        using (var select = connection.Statement("SELECT value FROM terms WHERE n=$n AND kind=$kind"))
        {
            select.Parameters.AddWithValue("$n", n);
            select.Parameters.AddWithValue("$kind", (int)TermKind.Name);
            using var reader = select.ExecuteReader();
            while (reader.Read()) names.Add(reader.GetString(0));
        }

        using (var delete = connection.Statement("DELETE FROM terms WHERE n=$n"))
        {
            delete.Parameters.AddWithValue("$n", n);
            delete.ExecuteNonQuery();
        }

        // A name that no study has any more leaves nothing behind.
        using var tails = connection.Statement("""
            DELETE FROM name_tails WHERE pk=$pk AND tail=$tail AND name=$name
              AND NOT EXISTS(SELECT 1 FROM terms WHERE pk=$pk AND kind=$kind AND value=$name)
            """);
        tails.Parameters.AddWithValue("$pk", pk);
        tails.Parameters.AddWithValue("$kind", (int)TermKind.Name);
        var tail = tails.Parameters.Add("$tail", SqliteType.Text);
        var parameter = tails.Parameters.Add("$name", SqliteType.Text);
        foreach (var name in names)
        {
            parameter.Value = name;
            foreach (var value in Tails(name))
            {
                tail.Value = value;
                tails.ExecuteNonQuery();
            }
        }
    }

    private static void WriteTails(SqliteConnection connection, string pk, string name)
    {
        using var insert = connection.Raw("INSERT OR IGNORE INTO name_tails VALUES(?,?,?)");
        insert.Bind(1, pk);
        insert.Bind(3, name);
        foreach (var tail in Tails(name))
        {
            insert.Bind(2, tail);
            insert.Run();
        }
    }

    /// <summary>The name from its second, third … character on. Surrogate pairs stay whole.</summary>
    public static IEnumerable<string> Tails(string name)
    {
        for (var i = 1; i < name.Length; i++)
            if (!char.IsLowSurrogate(name[i])) yield return name[i..];
    }
}
