using System.Text;
using System.Text.RegularExpressions;
using Skylight.Core.Catalog;

namespace Skylight.Azure.Cosmos;

/// <summary>What a study is found by, and the conditions on it. A term is <c>kind:value</c>; the letters are stored and do not change their meaning.</summary>
internal static class StudySearchTerms
{
    public const char Name = 'n';
    public const char PatientId = 'p';
    public const char Accession = 'a';
    public const char StudyId = 's';
    public const char Modality = 'm';
    public const char Uid = 'u';
    public const char Keyword = 'k';
    public const char ReportWord = 'w';
    public const char Finding = 'f';
    public const char Measurement = 'x';
    public const char BodyPart = 'b';
    public const char Tag = 't';
    public const char Category = 'c';

    public static IEnumerable<string> Of(StudyDocument study)
    {
        var terms = new HashSet<string>(StringComparer.Ordinal) { Term(Uid, study.StudyInstanceUid) };
        Add(PatientId, study.Attributes.PatientId);
        Add(Accession, study.Attributes.AccessionNumber);
        Add(StudyId, study.Attributes.StudyId);
        foreach (var modality in study.Attributes.Modalities) Add(Modality, modality);
        foreach (var form in TextMatching.NameForms(study.Attributes.PatientName)) terms.Add(Term(Name, form));
        foreach (var word in Keywords.Of(study)) terms.Add(Term(Keyword, word));
        foreach (var part in StudyFilter.BodyParts(study)) terms.Add(Term(BodyPart, part));
        foreach (var tag in study.Tags) Add(Tag, tag);
        foreach (var category in study.Categories) Add(Category, category);
        foreach (var report in study.Reports)
        {
            foreach (var word in report.Words) terms.Add(Term(ReportWord, word));
            foreach (var code in report.Codes) terms.Add(Term(Finding, code));
            foreach (var term in report.Measurements.SelectMany(MeasurementKey.TermsOf)) terms.Add(Term(Measurement, term));
        }

        return terms;

        void Add(char kind, string? value)
        {
            if (value?.Trim() is { Length: > 0 } trimmed) terms.Add(Term(kind, trimmed));
        }
    }

    public static string Term(char kind, string value) => $"{kind}:{value}";

    /// <summary>The DICOM wildcards as a regular expression over a whole term.</summary>
    public static string Regex(char kind, string pattern)
    {
        var regex = new StringBuilder("^").Append(kind).Append(':');
        foreach (var c in pattern)
        {
            regex.Append(c switch
            {
                '*' => ".*",
                '?' => ".",
                _ => Escape(c),
            });
        }

        return regex.Append('$').ToString();
    }

    /// <summary>The term's beginning that does not depend on wildcards, which the index can look up.</summary>
    public static string Prefix(char kind, string pattern) => Term(kind, TextMatching.LiteralPrefix(pattern));

    /// <summary>A pattern that its prefix says all about.</summary>
    public static bool IsPrefix(string pattern) => pattern.EndsWith('*') && !TextMatching.HasWildcard(pattern[..^1]);

    private static string Escape(char c) => c is ']' or '}' or '-' or '/' ? $"\\{c}" : System.Text.RegularExpressions.Regex.Escape(c.ToString());
}
