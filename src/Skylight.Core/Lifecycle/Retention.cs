using System.Globalization;
using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Patients;

namespace Skylight.Core.Lifecycle;

/// <summary>Until when a study must be kept.</summary>
/// <param name="Rule">Stable id of the rule that decides.</param>
/// <param name="Source">The text that the rule comes from.</param>
/// <param name="LastVisit">Last visit or discharge of the patient at the institution, which the years count from.</param>
/// <param name="Until">The last day on which it must be kept.</param>
public sealed record RetentionVerdict(string Rule, string Source, DateOnly LastVisit, int Years, DateOnly Until)
{
    public bool IsOver(DateTimeOffset now) => DateOnly.FromDateTime(now.UtcDateTime) > Until;
}

/// <summary>
/// Retention of images, which are part of the medical record: 15 years from the last visit for outpatients, 30 from the last discharge for inpatients and
/// for psychiatric records. A new visit of the patient moves the end of all older studies at that institution.
/// </summary>
public sealed class Retention(ICatalog catalog, PatientDirectory patients, IOptions<LifecycleOptions> options)
{
    /// <summary>Tag of psychiatric content.</summary>
    private const string Psychiatric = "PSY";
    private const int Page = 200;

    /// <summary>The verdict about one study as things stand.</summary>
    public async ValueTask<RetentionVerdict> OfAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var last = LastVisit(study);
        if (!study.PatientProvisional)
        {
            var aliases = await patients.AliasesAsync(study.Institution, study.PatientKey, cancellationToken);
            string? continuation = null;
            do
            {
                var page = await catalog.QueryStudiesAsync(study.Institution, new StudyQuery { Scope = new StudyScope(aliases, null) }, Page, 0, continuation, cancellationToken);
                foreach (var summary in page.Items)
                {
                    if (await catalog.GetStudyByKeyAsync(study.Institution, summary.StudyKey, cancellationToken) is { } other && LastVisit(other.Value) is var visit && visit > last) last = visit;
                }

                continuation = page.Continuation;
            }
            while (continuation is not null);
        }

        return Of(study, last, options.Value);
    }

    /// <summary>The rule that decides about a study whose patient came last on <paramref name="lastVisit"/>. The longest that applies.</summary>
    public static RetentionVerdict Of(StudyDocument study, DateOnly lastVisit, LifecycleOptions options)
    {
        var (rule, source, years) = study.Order?.Kind switch
        {
            EncounterKind.Inpatient => ("RET-INPATIENT", "医疗机构病历管理规定(2013) 29; 电子病历应用管理规范 19", options.InpatientYears),
            EncounterKind.Outpatient or EncounterKind.Emergency or EncounterKind.CheckUp => ("RET-OUTPATIENT", "医疗机构病历管理规定(2013) 29; 电子病历应用管理规范 19", options.OutpatientYears),
            _ => ("RET-UNKNOWN", "no encounter recorded: the longest term", options.UnknownEncounterYears),
        };
        if (study.Tags.Contains(Psychiatric) && options.InpatientYears > years) (rule, source, years) = ("RET-PSYCHIATRIC", "精神卫生法 47", options.InpatientYears);
        return new RetentionVerdict(rule, source, lastVisit, years, lastVisit.Year + years > DateOnly.MaxValue.Year ? DateOnly.MaxValue : lastVisit.AddYears(years));
    }

    /// <summary>
    /// What a study itself says: the recorded visit or discharge, its date, or the day it arrived. A date after its arrival is a mistake of the modality's clock, or worse,
    /// and does not count; one day is left for clocks ahead of UTC.
    /// </summary>
    private static DateOnly LastVisit(StudyDocument study)
    {
        var arrived = DateOnly.FromDateTime(study.ReceivedAt.UtcDateTime);
        var taken = DateOnly.TryParseExact(study.Attributes.StudyDate?.Trim(), "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && date <= arrived.AddDays(1)
            ? date
            : arrived;
        return study.Order?.LastVisit is { } visit && visit > taken ? visit : taken;
    }
}
