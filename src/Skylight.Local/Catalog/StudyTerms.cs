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

    public static string LevelTerm(int level) => level.ToString(CultureInfo.InvariantCulture);

    public static void Write(SqliteConnection connection, long n, StudyDocument study)
    {
        var sort = StudyFilter.SortKey(study.Attributes);
        var wanted = Of(study);
        if (Same(connection, n, sort, wanted)) return;
        Remove(connection, study.Institution, n);
        using var insert = connection.Statement("INSERT OR IGNORE INTO terms VALUES($pk,$kind,$value,$sort,$n)");
        insert.Parameters.AddWithValue("$pk", study.Institution);
        insert.Parameters.AddWithValue("$sort", sort);
        insert.Parameters.AddWithValue("$n", n);
        var kind = insert.Parameters.Add("$kind", SqliteType.Integer);
        var value = insert.Parameters.Add("$value", SqliteType.Text);
        foreach (var term in wanted)
        {
            kind.Value = (int)term.Kind;
            value.Value = term.Value;
            insert.ExecuteNonQuery();
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

    private static bool Same(SqliteConnection connection, long n, string sort, HashSet<(TermKind Kind, string Value)> wanted)
    {
        using var select = connection.Statement("SELECT kind, value, sort FROM terms WHERE n=$n");
        select.Parameters.AddWithValue("$n", n);
        using var reader = select.ExecuteReader();
        var count = 0;
        while (reader.Read())
        {
            if (reader.GetString(2) != sort || !wanted.Contains(((TermKind)reader.GetInt32(0), reader.GetString(1)))) return false;
            count++;
        }

        return count == wanted.Count;
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
        using var insert = connection.Statement("INSERT OR IGNORE INTO name_tails VALUES($pk,$tail,$name)");
        insert.Parameters.AddWithValue("$pk", pk);
        insert.Parameters.AddWithValue("$name", name);
        var tail = insert.Parameters.Add("$tail", SqliteType.Text);
        foreach (var value in Tails(name))
        {
            tail.Value = value;
            insert.ExecuteNonQuery();
        }
    }

    /// <summary>The name from its second, third … character on. Surrogate pairs stay whole.</summary>
    public static IEnumerable<string> Tails(string name)
    {
        for (var i = 1; i < name.Length; i++)
            if (!char.IsLowSurrogate(name[i])) yield return name[i..];
    }
}
