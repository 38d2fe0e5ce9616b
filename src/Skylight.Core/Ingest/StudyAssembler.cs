using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Patients;
using Skylight.Core.Studies;

namespace Skylight.Core.Ingest;

/// <summary>Makes the next state of a study document from the present one and what a batch adds to it. Pure.</summary>
internal static class StudyAssembler
{
    private const int MaxSopClasses = 32;

    public static StudyDocument Next(
        StudyDocument? current, StudyIntake intake, PatientMatch match, IReadOnlyList<DecidedInstance> kept, IReadOnlyList<(string SeriesKey, SeriesPart Part)> parts, IngestContext context, TimeSpan quiet, DateTimeOffset now)
    {
        var before = current is null ? Empty(intake, context, now) : CorrectedAttributes.Strip(current);
        var after = before;
        foreach (var instance in kept)
            after = Add(after, instance.SeriesKey, instance.Pending.Facts, instance.Pending.Trust, instance.Decision, context.Source.Channel == IngestChannel.Inference);
        after = after with
        {
            Series = [.. after.Series.Select(series => series with
            {
                Parts = [.. series.Parts, .. parts.Where(part => part.SeriesKey == series.SeriesKey).Select(part => part.Part)],
            })],
        };
        if (match == PatientMatch.Identified) after = after with { PatientKey = intake.PatientKey, PatientProvisional = false };
        // Results of inference never start rules or quiet timers; a provisional study waits for a person.
        if (intake.IsProvisional || context.Source.Channel == IngestChannel.Inference) return CorrectedAttributes.Lay(after with { ReceivedAt = now });
        var visible = kept.Count(instance => instance.Decision.Current);
        return CorrectedAttributes.Lay(StudyStates.Received(before, after, context.Source.Name, context.Source.Trust, visible, quiet, now, StudyClock.NewEventId()));
    }

    /// <summary>Codes for what differs between a file's patient and the study's, where both say something.</summary>
    public static IEnumerable<string> Differences(StudyAttributes study, StudyAttributes incoming)
    {
        if (study.PatientName is not null && incoming.PatientName is not null && study.PatientName != incoming.PatientName && !TextMatching.NameForms(study.PatientName).Intersect(TextMatching.NameForms(incoming.PatientName)).Any())
            yield return "patient-name-differs";
        if (study.PatientSex is not null && incoming.PatientSex is not null && study.PatientSex != incoming.PatientSex) yield return "patient-sex-differs";
        if (study.PatientBirthDate is not null && incoming.PatientBirthDate is not null && study.PatientBirthDate != incoming.PatientBirthDate) yield return "patient-birth-date-differs";
    }

    private static StudyDocument Empty(StudyIntake intake, IngestContext context, DateTimeOffset now) => new()
    {
        Institution = context.Institution,
        StudyKey = intake.DocumentKey,
        StudyInstanceUid = intake.StudyInstanceUid,
        ProvisionalOf = intake.IsProvisional ? intake.StudyKey : null,
        PatientKey = intake.PatientKey,
        PatientProvisional = intake.Patient.NormalisedId is null,
        Parties = new StudyParties { Custodian = context.Institution, Performing = context.Institution },
        Attributes = new StudyAttributes(),
        AttributesTrust = SourceTrust.Other,
        CreatedAt = now,
        ReceivedAt = now,
    };

    /// <summary>The study with one instance more, as the decision about it says.</summary>
    /// <param name="inference">It is a result of inference, which says nothing about identifiability.</param>
    internal static StudyDocument Add(StudyDocument study, string seriesKey, InstanceFacts facts, SourceTrust trust, InstanceDecision decision, bool inference)
    {
        var known = study.Series.FirstOrDefault(series => series.SeriesKey == seriesKey);
        var series = known ?? new SeriesRecord
        {
            SeriesKey = seriesKey,
            SeriesInstanceUid = facts.Identity.SeriesInstanceUid,
            Attributes = facts.Series,
            AttributesTrust = trust,
        };
        var isHeld = decision.Kind == OutcomeKind.Held;

        // What was all hidden, or never shown, says nothing about what is shown from now on.
        var first = decision.Current && study.Instances() == 0;
        if (first) study = study with { Attributes = new StudyAttributes(), AttributesTrust = SourceTrust.Other, Reports = [] };
        if (decision.Current && known is { Instances: 0 }) series = series with { Attributes = facts.Series, AttributesTrust = trust };
        // Attributes of a current instance that came before in another form are the ones to show; a better source's replace a lesser one's; any other source only fills gaps.
        var replaces = decision.Current && (decision.Revision > 1 || trust > study.AttributesTrust);
        series = series with
        {
            Instances = series.Instances + (decision is { Current: true, Replaces: null } ? 1 : 0),
            Frames = series.Frames + (!decision.Current ? 0 : facts.Frames - (decision.Replaces is null ? 0 : decision.ReplacedFrames ?? facts.Frames)),
            Bytes = series.Bytes + facts.Length,
            Attributes = isHeld && known is not null ? series.Attributes : replaces ? Fill(facts.Series, series.Attributes) : Fill(series.Attributes, facts.Series),
            AttributesTrust = decision.Current && trust > series.AttributesTrust ? trust : series.AttributesTrust,
        };
        IReadOnlyList<SeriesRecord> all = known is null ? [.. study.Series, series] : [.. study.Series.Select(item => item.SeriesKey == series.SeriesKey ? series : item)];
        if (isHeld && study.ProvisionalOf is null) return study with { Series = all, Held = study.Held + 1, Attributes = study.Series.Count == 0 ? facts.Study : study.Attributes };
        var merged = replaces ? Fill(facts.Study, study.Attributes) : Fill(study.Attributes, facts.Study);
        return study with
        {
            Series = all,
            Held = study.Held + (isHeld ? 1 : 0) - (decision.Releases ? 1 : 0),
            AttributesTrust = decision.Current && trust > study.AttributesTrust ? trust : study.AttributesTrust,
            Attributes = merged with
            {
                Modalities = Union(study.Attributes.Modalities, facts.Series.Modality, int.MaxValue),
                SopClasses = Union(study.Attributes.SopClasses, facts.Identity.SopClassUid, MaxSopClasses),
            },
            Reports = Reports(study.Reports, facts, decision),
            Order = study.Order ?? (facts.Study.AccessionNumber is { } accession ? new OrderReference(accession, facts.Study.IssuerOfAccession, EncounterKind.Unknown, null) : null),
            Identifiability = inference ? study.Identifiability : Identifiability.Identified,
        };
    }

    /// <summary>With the SOP class of one instance more.</summary>
    internal static StudyAttributes WithSopClass(StudyAttributes attributes, string sopClassUid) => attributes with { SopClasses = Union(attributes.SopClasses, sopClassUid, MaxSopClasses) };

    private static IReadOnlyList<ReportContent> Reports(IReadOnlyList<ReportContent> reports, InstanceFacts facts, InstanceDecision decision) =>
        !decision.Current ? reports
        : facts.Report is { } report ? ReportContent.With(reports, report)
        : decision.Replaces is not null ? ReportContent.Without(reports, [facts.Identity.SopInstanceUid])
        : reports;

    private static IReadOnlyList<string> Union(IReadOnlyList<string> known, string? value, int most) =>
        string.IsNullOrEmpty(value) || known.Contains(value) || known.Count >= most ? known : [.. known.Append(value).Order(StringComparer.Ordinal)];

    /// <summary>The first's attributes, and the second's where the first says nothing.</summary>
    internal static StudyAttributes Fill(StudyAttributes first, StudyAttributes second) => first with
    {
        PatientName = first.PatientName ?? second.PatientName,
        PatientId = first.PatientId ?? second.PatientId,
        IssuerOfPatientId = first.PatientId is null ? second.IssuerOfPatientId : first.IssuerOfPatientId ?? second.IssuerOfPatientId,
        PatientBirthDate = first.PatientBirthDate ?? second.PatientBirthDate,
        PatientSex = first.PatientSex ?? second.PatientSex,
        PatientAge = first.PatientAge ?? second.PatientAge,
        StudyDate = first.StudyDate ?? second.StudyDate,
        StudyTime = first.StudyTime ?? second.StudyTime,
        AccessionNumber = first.AccessionNumber ?? second.AccessionNumber,
        IssuerOfAccession = first.IssuerOfAccession ?? second.IssuerOfAccession,
        StudyId = first.StudyId ?? second.StudyId,
        StudyDescription = first.StudyDescription ?? second.StudyDescription,
        ReferringPhysicianName = first.ReferringPhysicianName ?? second.ReferringPhysicianName,
        InstitutionName = first.InstitutionName ?? second.InstitutionName,
        Department = first.Department ?? second.Department,
        TimezoneOffset = first.TimezoneOffset ?? second.TimezoneOffset,
    };

    /// <inheritdoc cref="Fill(StudyAttributes, StudyAttributes)"/>
    internal static SeriesAttributes Fill(SeriesAttributes first, SeriesAttributes second) => new()
    {
        Modality = first.Modality ?? second.Modality,
        SeriesNumber = first.SeriesNumber ?? second.SeriesNumber,
        SeriesDescription = first.SeriesDescription ?? second.SeriesDescription,
        SeriesDate = first.SeriesDate ?? second.SeriesDate,
        SeriesTime = first.SeriesTime ?? second.SeriesTime,
        BodyPart = first.BodyPart ?? second.BodyPart,
        Laterality = first.Laterality ?? second.Laterality,
        ProtocolName = first.ProtocolName ?? second.ProtocolName,
        Manufacturer = first.Manufacturer ?? second.Manufacturer,
        StationName = first.StationName ?? second.StationName,
        PerformedProcedureStepStartDate = first.PerformedProcedureStepStartDate ?? second.PerformedProcedureStepStartDate,
        PerformedProcedureStepStartTime = first.PerformedProcedureStepStartTime ?? second.PerformedProcedureStepStartTime,
        ScheduledProcedureStepId = first.ScheduledProcedureStepId ?? second.ScheduledProcedureStepId,
        RequestedProcedureId = first.RequestedProcedureId ?? second.RequestedProcedureId,
    };
}
