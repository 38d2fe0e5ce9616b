namespace Skylight.Core.Catalog;

/// <summary>One word of a keyword search.</summary>
/// <param name="Text">Folded.</param>
/// <param name="IsPrefix">Words that begin with it match too; else exactly it.</param>
public readonly record struct Keyword(string Text, bool IsPrefix)
{
    public bool Matches(string word) => IsPrefix ? word.StartsWith(Text, StringComparison.Ordinal) : word == Text;
}

/// <summary>
/// Free keywords: what a study is found by when somebody just types. Words of the patient's name (Chinese, full pinyin, initials), identifiers, accession
/// number, description, institution and referring physician; words of structured reports apart (<see cref="ReportContent"/>). All keywords must match, each any word.
/// </summary>
public static class Keywords
{
    /// <summary>Words kept of one study, reports aside.</summary>
    public const int MaxWords = 128;

    /// <summary>Keywords of one search; more are refused.</summary>
    public const int MaxKeywords = 16;

    /// <summary>The words of a study's own attributes. Distinct, bounded, the name's first.</summary>
    public static IReadOnlyCollection<string> Of(StudyDocument study)
    {
        var attributes = study.Attributes;
        var words = new HashSet<string>(StringComparer.Ordinal);
        Add(NameKeywords.Of(attributes.PatientName));
        Identifier(attributes.PatientId);
        Identifier(attributes.AccessionNumber);
        Identifier(attributes.StudyId);
        Text(attributes.StudyDescription);
        foreach (var series in study.Series.Where(series => series.Instances > 0).Take(8))
        {
            Text(series.Attributes.BodyPart);
            Text(series.Attributes.SeriesDescription);
        }

        foreach (var modality in attributes.Modalities) Text(modality);
        Text(attributes.InstitutionName);
        Add(NameKeywords.Of(attributes.ReferringPhysicianName));
        return words;

        void Text(string? text) => Add(Words.Split(text).SelectMany(Words.IndexForms));

        // An identifier is typed with its separators or without them.
        void Identifier(string? text)
        {
            var parts = Words.Split(text).ToArray();
            Add(parts.SelectMany(Words.IndexForms));
            if (parts.Length > 1) Add([string.Concat(parts.Select(part => part.Text))]);
        }

        void Add(IEnumerable<string> found)
        {
            foreach (var word in found)
            {
                if (words.Count >= MaxWords) return;
                words.Add(word);
            }
        }
    }

    /// <summary>
    /// The keywords of a query: words of letters and digits match as beginnings; Chinese characters anywhere, by their pairs. Distinct; null when there are
    /// more than <see cref="MaxKeywords"/>, or nothing but signs: that would find everything.
    /// </summary>
    public static IReadOnlyList<Keyword>? Parse(string? query)
    {
        var keywords = new List<Keyword>();
        foreach (var word in Words.Split(query))
        {
            if (!word.IsIdeographic || !Words.Pairs(word.Text).Any()) Add(new Keyword(word.Text, IsPrefix: true));
            else
                foreach (var pair in Words.Pairs(word.Text)) Add(new Keyword(pair, IsPrefix: false));
            if (keywords.Count > MaxKeywords) return null;
        }

        return keywords.Count > 0 || string.IsNullOrWhiteSpace(query) ? keywords : null;

        void Add(Keyword keyword)
        {
            if (!keywords.Contains(keyword)) keywords.Add(keyword);
        }
    }

    /// <summary>Whether a study matches: the reference for every catalog's index.</summary>
    /// <param name="reportsOnly">Only words of reports count.</param>
    public static bool Match(IReadOnlyList<Keyword> keywords, StudyDocument study, bool reportsOnly)
    {
        if (keywords.Count == 0) return true;
        var words = study.Reports.SelectMany(report => report.Words).Concat(reportsOnly ? [] : Of(study)).ToHashSet(StringComparer.Ordinal);
        return keywords.All(keyword => words.Contains(keyword.Text) || (keyword.IsPrefix && words.Any(keyword.Matches)));
    }
}
