using Skylight.Core.Catalog;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>Corrections in the attributes that searches show. Pure.</summary>
internal static class CorrectedAttributes
{
    /// <summary>The document as if there were no corrections: what arriving instances are merged into.</summary>
    public static StudyDocument Strip(StudyDocument study) => study.Corrected is null && study.Series.All(series => series.Corrected is null)
        ? study
        : study with
        {
            Attributes = study.Corrected?.Received ?? study.Attributes,
            Series = [.. study.Series.Select(series => series.Corrected is { } corrected ? series with { Attributes = corrected.Received } : series)],
        };

    /// <summary>Lays the corrections over attributes as received.</summary>
    public static StudyDocument Lay(StudyDocument study) => study.Corrected is null && study.Series.All(series => series.Corrected is null)
        ? study
        : study with
        {
            Attributes = study.Corrected is { } own ? Study(study.Attributes, own.Values) : study.Attributes,
            Corrected = study.Corrected is { } kept ? kept with { Received = study.Attributes } : null,
            Series =
            [
                .. study.Series.Select(series => series.Corrected is { } corrected
                    ? series with { Attributes = Series(series.Attributes, corrected.Values), Corrected = corrected with { Received = series.Attributes } }
                    : series),
            ],
        };

    /// <summary>The document under exactly these corrections.</summary>
    public static StudyDocument Under(StudyDocument study, IReadOnlyList<Correction> corrections)
    {
        var stripped = Strip(study);
        var whole = Values(corrections.Where(item => item.Scope == CorrectionScope.Study));
        return Lay(stripped with
        {
            Corrected = whole.Count == 0 ? null : new StudyCorrected(stripped.Attributes, study.Corrected?.PatientKey ?? study.PatientKey, whole),
            Series =
            [
                .. stripped.Series.Select(series => Values(corrections.Where(item => item.Scope == CorrectionScope.Series && item.SeriesInstanceUid == series.SeriesInstanceUid)) is { Count: > 0 } values
                    ? series with { Corrected = new SeriesCorrected(series.Attributes, values) }
                    : series with { Corrected = null }),
            ],
        });
    }

    /// <summary>The last value of each tag.</summary>
    private static Dictionary<string, string> Values(IEnumerable<Correction> corrections)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tag, value) in corrections.SelectMany(item => item.Values)) values[tag] = value;
        return values;
    }

    private static StudyAttributes Study(StudyAttributes attributes, IReadOnlyDictionary<string, string> values)
    {
        string? Of(DicomTag tag, string? received) => values.TryGetValue(tag.ToHex(), out var value) ? (value.Length == 0 ? null : value) : received;
        return attributes with
        {
            PatientName = Of(DicomTags.PatientName, attributes.PatientName),
            PatientId = Of(DicomTags.PatientID, attributes.PatientId),
            IssuerOfPatientId = Of(DicomTags.IssuerOfPatientID, attributes.IssuerOfPatientId),
            PatientBirthDate = Of(DicomTags.PatientBirthDate, attributes.PatientBirthDate),
            PatientSex = Of(DicomTags.PatientSex, attributes.PatientSex),
            PatientAge = Of(DicomTags.PatientAge, attributes.PatientAge),
            StudyDate = Of(DicomTags.StudyDate, attributes.StudyDate),
            StudyTime = Of(DicomTags.StudyTime, attributes.StudyTime),
            AccessionNumber = Of(DicomTags.AccessionNumber, attributes.AccessionNumber),
            StudyId = Of(DicomTags.StudyID, attributes.StudyId),
            StudyDescription = Of(DicomTags.StudyDescription, attributes.StudyDescription),
            ReferringPhysicianName = Of(DicomTags.ReferringPhysicianName, attributes.ReferringPhysicianName),
            InstitutionName = Of(DicomTags.InstitutionName, attributes.InstitutionName),
        };
    }

    private static SeriesAttributes Series(SeriesAttributes attributes, IReadOnlyDictionary<string, string> values)
    {
        string? Of(DicomTag tag, string? received) => values.TryGetValue(tag.ToHex(), out var value) ? (value.Length == 0 ? null : value) : received;
        return attributes with
        {
            SeriesNumber = Of(DicomTags.SeriesNumber, attributes.SeriesNumber),
            SeriesDescription = Of(DicomTags.SeriesDescription, attributes.SeriesDescription),
            SeriesDate = Of(DicomTags.SeriesDate, attributes.SeriesDate),
            SeriesTime = Of(DicomTags.SeriesTime, attributes.SeriesTime),
            BodyPart = Of(DicomTags.BodyPartExamined, attributes.BodyPart),
            Laterality = Of(DicomTags.Laterality, attributes.Laterality),
            ProtocolName = Of(DicomTags.ProtocolName, attributes.ProtocolName),
            StationName = Of(DicomTags.StationName, attributes.StationName),
        };
    }
}
