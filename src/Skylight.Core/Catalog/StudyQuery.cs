namespace Skylight.Core.Catalog;

/// <summary>
/// A study-level search (PS3.4 C.2.2.2, PS3.18 8.3.4). Null or empty means universal. Text keys take the wildcards <c>*</c> and <c>?</c>.
/// Person names match case-insensitively, whole name or one component group, with or without the <c>^</c> between components
/// (<c>zhang*</c>, <c>张三</c> and <c>张^三</c> all find <c>Zhang^San=张^三</c>); identifiers match exactly but for surrounding spaces.
/// </summary>
public sealed record StudyQuery
{
    public IReadOnlyList<string> StudyInstanceUids { get; init; } = [];

    public DicomRange? StudyDate { get; init; }

    public DicomRange? StudyTime { get; init; }

    public string? PatientId { get; init; }

    public string? PatientName { get; init; }

    public DicomRange? PatientBirthDate { get; init; }

    public string? PatientSex { get; init; }

    public string? AccessionNumber { get; init; }

    /// <summary>Any of them: a study matches when it contains one of these modalities.</summary>
    public IReadOnlyList<string> ModalitiesInStudy { get; init; } = [];

    public string? StudyId { get; init; }

    public string? StudyDescription { get; init; }

    public string? ReferringPhysicianName { get; init; }

    /// <summary>Words that all must be found, in the study's attributes or its reports.</summary>
    public IReadOnlyList<Keyword> Keywords { get; init; } = [];

    /// <summary>Words that all must be found in its structured reports.</summary>
    public IReadOnlyList<Keyword> ReportText { get; init; } = [];

    /// <summary>Any of them, as in Body Part Examined (0018,0015) of a series.</summary>
    public IReadOnlyList<string> BodyParts { get; init; } = [];

    /// <summary>Any of them.</summary>
    public IReadOnlyList<int> Levels { get; init; } = [];

    /// <summary>Any of them.</summary>
    public IReadOnlyList<StorageTier> Tiers { get; init; } = [];

    /// <summary>Any of them.</summary>
    public IReadOnlyList<StudyState> States { get; init; } = [];

    /// <summary>All of them.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Any of them.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Code of the performing institution.</summary>
    public string? Performing { get; init; }

    /// <summary>Age at the time of the study in whole years, both ends included; a study of unknown age matches no range.</summary>
    public int? AgeFrom { get; init; }

    public int? AgeTo { get; init; }

    /// <summary>Codes (<c>scheme:value</c>) that the study's reports must all hold.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    /// <summary>Measurements that its reports must all hold.</summary>
    public IReadOnlyList<MeasurementKey> Measurements { get; init; } = [];

    /// <summary>
    /// Most studies looked at for one page; null until the page is full. With it a page may be short, or empty, and still have a continuation: so the cost
    /// of a page has a limit even where almost nothing matches.
    /// </summary>
    public int? ScanLimit { get; init; }

    /// <summary>Which studies the caller may see at all; from the access decision.</summary>
    public StudyScope Scope { get; init; } = StudyScope.All;
}

/// <summary>
/// A date or time range, both ends included, either open (PS3.4 C.2.2.2.5): <c>20260101-20260131</c>, <c>20260101-</c>, <c>-20260131</c>, <c>20260101</c>.
/// Compared as text in DICOM form; an end shorter than the value covers it (<c>-1030</c> includes <c>103059</c>).
/// </summary>
public sealed record DicomRange(string? From, string? To)
{
    /// <summary>Parses a QIDO value. Null when it is neither a value nor a range of digits.</summary>
    public static DicomRange? Parse(string text)
    {
        var trimmed = text.Trim().Replace(".", "", StringComparison.Ordinal).Replace(":", "", StringComparison.Ordinal);
        var dash = trimmed.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0) return IsNumber(trimmed) ? new DicomRange(trimmed, trimmed) : null;
        var (from, to) = (trimmed[..dash].Trim(), trimmed[(dash + 1)..].Trim());
        if (from.Length == 0 && to.Length == 0) return null;
        if (from.Length > 0 && !IsNumber(from) || to.Length > 0 && !IsNumber(to)) return null;
        return new DicomRange(from.Length == 0 ? null : from, to.Length == 0 ? null : to);
    }

    /// <summary>Whether a stored date or time lies inside. The separators of the retired forms (<c>2026.01.31</c>, <c>10:30</c>) do not count.</summary>
    public bool Contains(string? value)
    {
        if (value is null || !value.AsSpan().ContainsAnyInRange('0', '9')) return false;
        var digits = value.Trim().Replace(".", "", StringComparison.Ordinal).Replace(":", "", StringComparison.Ordinal);
        return (From is null || string.CompareOrdinal(digits, From) >= 0)
            && (To is null || string.CompareOrdinal(digits.Length > To.Length ? digits[..To.Length] : digits, To) <= 0);
    }

    private static bool IsNumber(string text)
    {
        if (text.Length is 0 or > 18) return false;
        foreach (var c in text)
            if (!char.IsAsciiDigit(c)) return false;
        return true;
    }
}

/// <summary>A limit on which studies a search may return.</summary>
/// <param name="PatientKeys">Only these patients' studies; null for no limit by patient.</param>
/// <param name="StudyKeys">Only these studies; null for no limit by study. With both, a study in either set is visible.</param>
public sealed record StudyScope(IReadOnlyList<string>? PatientKeys, IReadOnlyList<string>? StudyKeys)
{
    public static StudyScope All { get; } = new(null, null);

    public static StudyScope None { get; } = new([], []);

    public bool IsAll => PatientKeys is null && StudyKeys is null;

    public bool Contains(string patientKey, string studyKey) =>
        IsAll || (PatientKeys?.Contains(patientKey) ?? false) || (StudyKeys?.Contains(studyKey) ?? false);
}
