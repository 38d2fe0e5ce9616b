namespace Skylight.Core.Catalog;

/// <summary>The meaning of a <see cref="StudyQuery"/>, apart from any index: what every catalog must answer, and what its answers are tested against.</summary>
public static class StudyFilter
{
    /// <summary>Whether a visible study matches all keys of the query.</summary>
    public static bool Matches(StudyQuery query, StudyDocument study)
    {
        var attributes = study.Attributes;
        return study.IsVisible()
            && query.Scope.Contains(study.PatientKey, study.StudyKey)
            && (query.StudyInstanceUids.Count == 0 || query.StudyInstanceUids.Contains(study.StudyInstanceUid))
            && (query.StudyDate?.Contains(attributes.StudyDate) ?? true)
            && (query.StudyTime?.Contains(attributes.StudyTime) ?? true)
            && (query.PatientBirthDate?.Contains(attributes.PatientBirthDate) ?? true)
            && Identifier(query.PatientId, attributes.PatientId)
            && Identifier(query.AccessionNumber, attributes.AccessionNumber)
            && Identifier(query.StudyId, attributes.StudyId)
            && Identifier(query.PatientSex, attributes.PatientSex)
            && Text(query.StudyDescription, attributes.StudyDescription)
            && Name(query.PatientName, attributes.PatientName)
            && Name(query.ReferringPhysicianName, attributes.ReferringPhysicianName)
            && (query.ModalitiesInStudy.Count == 0 || query.ModalitiesInStudy.Any(attributes.Modalities.Contains));
    }

    /// <summary>The keys that the search terms of a store need not cover: looked at for each study that the terms have found.</summary>
    public static bool MatchesRest(StudyQuery query, StudySummary study)
    {
        var attributes = study.Attributes;
        return (query.StudyTime?.Contains(attributes.StudyTime) ?? true)
            && (query.PatientBirthDate?.Contains(attributes.PatientBirthDate) ?? true)
            && Identifier(query.PatientSex, attributes.PatientSex)
            && Text(query.StudyDescription, attributes.StudyDescription)
            && Name(query.ReferringPhysicianName, attributes.ReferringPhysicianName);
    }

    public static bool HasRest(StudyQuery query) =>
        query.StudyTime is not null || query.PatientBirthDate is not null || IsGiven(query.PatientSex) || IsGiven(query.StudyDescription) || IsGiven(query.ReferringPhysicianName);

    /// <summary>A key that limits anything: not absent, not empty, not only stars (PS3.4 C.2.2.2.3, universal matching).</summary>
    public static bool IsGiven(string? key) => !string.IsNullOrWhiteSpace(key) && key.Trim().Trim('*').Length > 0;

    /// <summary>Order of results, greatest first: study date and time, digits only; empty where there is no date.</summary>
    public static string SortKey(StudyAttributes attributes)
    {
        var date = Digits(attributes.StudyDate, 8);
        return date.Length == 0 ? "" : date.PadRight(8, '0') + Digits(attributes.StudyTime, 6);
    }

    private static bool Identifier(string? key, string? value) => !IsGiven(key) || TextMatching.IdentifierMatches(value, key!);

    private static bool Text(string? key, string? value) => !IsGiven(key) || TextMatching.Matches(TextMatching.Fold(value ?? ""), TextMatching.Fold(key!));

    private static bool Name(string? key, string? value) => !IsGiven(key) || TextMatching.NameMatches(value, key!);

    private static string Digits(string? text, int most)
    {
        if (text is null) return "";
        Span<char> digits = stackalloc char[most];
        var count = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c)) continue;
            digits[count++] = c;
            if (count == most) break;
        }

        return new string(digits[..count]);
    }
}
