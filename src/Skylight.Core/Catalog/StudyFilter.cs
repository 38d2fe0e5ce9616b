using System.Globalization;

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
            && Any(query.ModalitiesInStudy, attributes.Modalities)
            && Any(query.BodyParts, BodyParts(study))
            && Any(query.Categories, study.Categories)
            && query.Tags.All(study.Tags.Contains)
            && Conditions(query, StudySummary.Of(study))
            && Keywords.Match(query.Keywords, study, reportsOnly: false)
            && Keywords.Match(query.ReportText, study, reportsOnly: true)
            && query.Findings.All(code => study.Reports.Any(report => report.Codes.Contains(code)))
            && query.Measurements.All(key => study.Reports.Any(report => report.Measurements.Any(key.Matches)));
    }

    /// <summary>Body parts of the series with current instances, upper case, ordinal order, at most eight.</summary>
    public static IReadOnlyList<string> BodyParts(StudyDocument study) =>
        [.. study.Series.Where(series => series.Instances > 0).Select(series => series.Attributes.BodyPart?.Trim().ToUpperInvariant()).OfType<string>()
            .Where(part => part.Length > 0).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(8)];

    /// <summary>Age in whole years at the time of the study: Patient's Age (0010,1010), else from birth date and study date; null when unknown.</summary>
    public static int? Age(StudyAttributes attributes)
    {
        if (attributes.PatientAge is { Length: 4 } age && int.TryParse(age.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return age[3] switch { 'Y' => number, 'M' => number / 12, 'W' or 'D' => number / (age[3] == 'W' ? 52 : 365), _ => null };
        var (birth, study) = (Digits(attributes.PatientBirthDate, 8), Digits(attributes.StudyDate, 8));
        if (birth.Length < 8 || study.Length < 8) return null;
        var years = (int.Parse(study, CultureInfo.InvariantCulture) - int.Parse(birth, CultureInfo.InvariantCulture)) / 10_000;
        return years is >= 0 and <= 150 ? years : null;
    }

    /// <summary>The keys that the search terms of a store need not cover: looked at for each study that the terms have found.</summary>
    public static bool MatchesRest(StudyQuery query, StudySummary study)
    {
        var attributes = study.Attributes;
        return (query.StudyTime?.Contains(attributes.StudyTime) ?? true)
            && (query.PatientBirthDate?.Contains(attributes.PatientBirthDate) ?? true)
            && Identifier(query.PatientSex, attributes.PatientSex)
            && Text(query.StudyDescription, attributes.StudyDescription)
            && Name(query.ReferringPhysicianName, attributes.ReferringPhysicianName)
            && Conditions(query, study);
    }

    public static bool HasRest(StudyQuery query) => HasConditions(query) || query.StudyTime is not null || query.PatientBirthDate is not null || IsGiven(query.PatientSex) || IsGiven(query.StudyDescription) || IsGiven(query.ReferringPhysicianName);

    /// <summary>A key that limits anything: not absent, not empty, not only stars (PS3.4 C.2.2.2.3, universal matching).</summary>
    public static bool IsGiven(string? key) => !string.IsNullOrWhiteSpace(key) && key.Trim().Trim('*').Length > 0;

    /// <summary>Order of results, greatest first: study date and time, digits only; empty where there is no date.</summary>
    public static string SortKey(StudyAttributes attributes)
    {
        var date = Digits(attributes.StudyDate, 8);
        return date.Length == 0 ? "" : date.PadRight(8, '0') + Digits(attributes.StudyTime, 6);
    }

    private static bool HasConditions(StudyQuery query) =>
        query.Levels.Count > 0 || query.Tiers.Count > 0 || query.States.Count > 0 || query.Performing is not null || query.AgeFrom is not null || query.AgeTo is not null;

    private static bool Conditions(StudyQuery query, StudySummary study)
    {
        if (!HasConditions(query)) return true;
        var age = query.AgeFrom is null && query.AgeTo is null ? null : Age(study.Attributes);
        return (query.Levels.Count == 0 || query.Levels.Contains(study.Level))
            && (query.Tiers.Count == 0 || query.Tiers.Contains(study.Tier))
            && (query.States.Count == 0 || query.States.Contains(study.State))
            && (query.Performing is null || query.Performing == study.Performing)
            && (query.AgeFrom is null || age >= query.AgeFrom)
            && (query.AgeTo is null || age <= query.AgeTo);
    }

    private static bool Any(IReadOnlyList<string> wanted, IReadOnlyList<string> values) => wanted.Count == 0 || wanted.Any(values.Contains);

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
