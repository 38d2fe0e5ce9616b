using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Skylight.Core.Catalog;

namespace Skylight.Core.Retrieve;

/// <summary>A search result as the attributes that PS3.18 tables 10.6.3-3 to 10.6.3-5 require, and those that the query asked for and the records hold.</summary>
public static class QidoResult
{
    // Results of studies in the form that is mostly asked for, for as long as a store keeps their summaries at hand.
    private static readonly ConditionalWeakTable<StudySummary, PlainResult> Plain = new();

    /// <param name="studyInAddress">The address names the study, so that study attributes are not repeated in every result.</param>
    /// <param name="archived">Instance Availability of an archived study.</param>
    /// <param name="extra">Further attributes of an instance, as DICOM JSON.</param>
    public static DicomAttributes Of(QidoHit hit, QidoQuery query, DicomWebUrls urls, bool studyInAddress, JsonElement? extra = null, string archived = "NEARLINE")
    {
        if (query.Level != QidoLevel.Study || query.IncludeAll || query.IncludeFields.Count > 0 || extra is not null) return Make(hit, query, urls, studyInAddress, extra, archived);
        if (Plain.TryGetValue(hit.Study, out var known) && known.Base == urls.Base && known.Archived == archived) return known.Attributes;
        var made = Make(hit, query, urls, studyInAddress, extra, archived).Written();
        Plain.AddOrUpdate(hit.Study, new PlainResult(urls.Base, archived, made));
        return made;
    }

    private static DicomAttributes Make(QidoHit hit, QidoQuery query, DicomWebUrls urls, bool studyInAddress, JsonElement? extra, string archived)
    {
        var result = new DicomAttributes().Add(0x00080005, "CS", "ISO_IR 192");
        var study = hit.Study.StudyInstanceUid;
        if (!studyInAddress || hit.Series is null) AddStudy(result, hit.Study, query);
        else result.Add(0x0020000D, "UI", study);
        result.Add(0x00080056, "CS", hit.Study.Tier == StorageTier.Archive ? archived : "ONLINE");
        if (hit.Series is { } series)
        {
            AddSeries(result, series, query);
            result.Add(0x00081190, "UR", urls.Series(study, series.SeriesInstanceUid));
        }
        else
        {
            result.Add(0x00081190, "UR", urls.Study(study));
        }
        if (hit is { Instance: { } entry, Series: { } owner })
        {
            result.Add(0x00080016, "UI", entry.SopClassUid)
                .Add(0x00080018, "UI", entry.SopInstanceUid)
                .AddInteger(0x00200013, entry.InstanceNumber?.ToString(CultureInfo.InvariantCulture))
                .Add(0x00081190, "UR", urls.Instance(study, owner.SeriesInstanceUid, entry.SopInstanceUid));
            if (entry.Rows > 0) result.Add(0x00280010, "US", entry.Rows).Add(0x00280011, "US", entry.Columns).Add(0x00280100, "US", entry.BitsAllocated);
            if (entry.Frames > 0) result.Add(0x00280008, "IS", entry.Frames);
            if (entry.Attributes.Length > 0)
            {
                using var more = JsonDocument.Parse(entry.Attributes);
                result.Merge(more.RootElement);
            }
        }
        if (extra is { } asked) result.Merge(asked);
        return result;
    }

    private static void AddStudy(DicomAttributes result, StudySummary study, QidoQuery query)
    {
        var a = study.Attributes;
        result.Add(0x00080020, "DA", a.StudyDate)
            .Add(0x00080030, "TM", a.StudyTime)
            .Add(0x00080050, "SH", a.AccessionNumber)
            .Add(0x00080061, "CS", a.Modalities)
            .Add(0x00080090, "PN", a.ReferringPhysicianName)
            .Add(0x00081030, "LO", a.StudyDescription)
            .Add(0x00100010, "PN", a.PatientName)
            .Add(0x00100020, "LO", a.PatientId)
            .Add(0x00100030, "DA", a.PatientBirthDate)
            .Add(0x00100040, "CS", a.PatientSex)
            .Add(0x0020000D, "UI", study.StudyInstanceUid)
            .Add(0x00200010, "SH", a.StudyId)
            .Add(0x00201206, "IS", study.Series)
            .Add(0x00201208, "IS", study.Instances);
        if (a.TimezoneOffset is not null) result.Add(0x00080201, "SH", a.TimezoneOffset);
        if (a.IssuerOfPatientId is not null) result.Add(0x00100021, "LO", a.IssuerOfPatientId);
        if (Wanted(query, 0x00080062)) result.Add(0x00080062, "UI", a.SopClasses);
        if (Wanted(query, 0x00080080) && a.InstitutionName is not null) result.Add(0x00080080, "LO", a.InstitutionName);
        if (Wanted(query, 0x00101010) && a.PatientAge is not null) result.Add(0x00101010, "AS", a.PatientAge);
        // Asked for at the level of studies by viewers; the values are those of the series.
        if (query.Level == QidoLevel.Study && query.IncludeFields.Contains(0x00080060)) result.Add(0x00080060, "CS", a.Modalities);
    }

    private static void AddSeries(DicomAttributes result, SeriesRecord series, QidoQuery query)
    {
        var a = series.Attributes;
        result.Add(0x00080060, "CS", a.Modality)
            .Add(0x0008103E, "LO", a.SeriesDescription)
            .Add(0x0020000E, "UI", series.SeriesInstanceUid)
            .AddInteger(0x00200011, a.SeriesNumber)
            .Add(0x00201209, "IS", series.Instances);
        if (a.PerformedProcedureStepStartDate is not null) result.Add(0x00400244, "DA", a.PerformedProcedureStepStartDate);
        if (a.PerformedProcedureStepStartTime is not null) result.Add(0x00400245, "TM", a.PerformedProcedureStepStartTime);
        if (a.ScheduledProcedureStepId is not null || a.RequestedProcedureId is not null)
            result.Add(0x00400275, [new DicomAttributes().Add(0x00400009, "SH", a.ScheduledProcedureStepId).Add(0x00401001, "SH", a.RequestedProcedureId)]);
        AddWanted(0x00080021, "DA", a.SeriesDate);
        AddWanted(0x00080031, "TM", a.SeriesTime);
        AddWanted(0x00080070, "LO", a.Manufacturer);
        AddWanted(0x00081010, "SH", a.StationName);
        AddWanted(0x00180015, "CS", a.BodyPart);
        AddWanted(0x00181030, "LO", a.ProtocolName);
        AddWanted(0x00200060, "CS", a.Laterality);

        void AddWanted(uint tag, string vr, string? value)
        {
            if (value is not null && (query.Level == QidoLevel.Series || Wanted(query, tag))) result.Add(tag, vr, value);
        }
    }

    /// <summary>What a result depends on beside the summary.</summary>
    private sealed record PlainResult(string Base, string Archived, DicomAttributes Attributes);

    private static bool Wanted(QidoQuery query, uint tag) => query.IncludeAll || query.IncludeFields.Contains(tag);
}
