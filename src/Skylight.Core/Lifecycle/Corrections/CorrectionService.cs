using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Keys;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Patients;
using Skylight.Core.Statistics;
using Skylight.Core.Studies;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>What somebody wants corrected: values by keyword (<c>PatientName</c>) or tag (<c>00100010</c>), empty to empty the attribute.</summary>
public sealed record CorrectionOrder(
    CorrectionScope Scope, string? SeriesInstanceUid, string? SopInstanceUid, CorrectionReason Reason, string? Source, IReadOnlyDictionary<string, string> Values);

/// <summary>Why a correction is refused.</summary>
public enum CorrectionRefusal
{
    Missing,
    OnHold,

    /// <summary>An attribute may not be corrected, or not in this scope.</summary>
    NotCorrectable,

    /// <summary>A value does not have the form that its attribute asks for.</summary>
    BadValue,
    Decided,

    /// <summary>Who proposed it cannot approve it.</summary>
    SamePerson,

    /// <summary>The study has as many corrections as it can have.</summary>
    TooMany,

    /// <summary>Another correction was proposed under this id.</summary>
    KeyReused,
}

/// <param name="Changes">What the correction changes, by tag: the value that readers see now, and the new one. For patient, study and series attributes.</param>
/// <param name="Detail">The attribute, or the finding's code, that it is refused for.</param>
/// <param name="Hold">The hold that forbids it.</param>
public sealed record CorrectionResult(
    CorrectionRecord? Record, CorrectionRefusal? Refusal = null, string? Detail = null, IReadOnlyList<CorrectionChange>? Changes = null, StudyHold? Hold = null);

/// <summary>One line of a preview.</summary>
public sealed record CorrectionChange(string Tag, string Keyword, string? Current, string? Proposed);

/// <summary>
/// Corrections of attributes: proposed by those who made or report the study, approved by medical records, laid over what is stored, undone when they were wrong. Pixels
/// and the bytes as received are never touched.
/// </summary>
public sealed class CorrectionService(
    ICatalog catalog, ICommit commit, IDocuments documents, StudyParts parts, StudyKeys keys, CorrectionLists lists, PatientDirectory patients, RetiredObjects retired, TimeProvider time)
{
    private const int MaxAttempts = 20;
    private const int MaxCorrections = 500;

    /// <summary>Checks a correction and says what it would change; nothing is written.</summary>
    public async Task<CorrectionResult> PreviewAsync(string institution, string studyKey, CorrectionOrder order, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var study }) return new(null, CorrectionRefusal.Missing);
        if (Deletions.ForbiddenBy(study) is { } hold) return new(null, CorrectionRefusal.OnHold, Hold: hold);
        if (!Names(study, order)) return new(null, CorrectionRefusal.Missing);
        var (correction, refusal) = Check(order);
        if (refusal is not null) return refusal;
        return new(null, Changes: [.. correction!.Values.Keys.Select(tag => Change(tag, correction.Values[tag], study, order))]);
    }

    /// <summary>Records a proposal.</summary>
    /// <param name="id">Of a request that may be repeated: what it proposed the first time is answered. Null for one of its own.</param>
    public async Task<CorrectionResult> ProposeAsync(string institution, string studyKey, CorrectionOrder order, string by, string? id, CancellationToken cancellationToken)
    {
        if (id is not null && await GetAsync(institution, id, cancellationToken) is { Value: var known } && known.StudyKey == studyKey && known.RequestedBy == by)
            return IsOf(known.Correction, order) ? new(known) : new(null, CorrectionRefusal.KeyReused);
        var preview = await PreviewAsync(institution, studyKey, order, cancellationToken);
        if (preview.Refusal is not null) return preview;
        var study = (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))!.Value;
        var correction = Check(order).Correction!;
        var record = new CorrectionRecord
        {
            Institution = institution,
            StudyKey = studyKey,
            PatientKey = study.PatientKey,
            Status = CorrectionStatus.Proposed,
            Correction = id is null ? correction : correction with { Id = id },
            RequestedBy = by,
            RequestedAt = time.GetUtcNow(),
        };
        await documents.PutAsync(Key(record), record, Match.None, Terms(record), cancellationToken);
        return new(record, Changes: preview.Changes);
    }

    /// <summary>One page of corrections: of a study, or of a status.</summary>
    public ValueTask<DocumentPage<CorrectionRecord>> ListAsync(string institution, string? studyKey, CorrectionStatus? status, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<CorrectionRecord>(institution, CorrectionRecord.Type, studyKey is null ? $"status:{status}" : $"study:{studyKey}", limit, continuation, cancellationToken);

    /// <summary>Approves a proposal: it is in force when the task completes. One whose approval was broken off is approved again.</summary>
    public async Task<CorrectionResult> ApproveAsync(string institution, string id, string by, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, id, cancellationToken) is not { } stored) return new(null, CorrectionRefusal.Missing);
        if (stored.Value.Status is not (CorrectionStatus.Proposed or CorrectionStatus.Approved)) return new(stored.Value, CorrectionRefusal.Decided);
        if (stored.Value.RequestedBy == by) return new(stored.Value, CorrectionRefusal.SamePerson);

        // Decided first, in force then: what is in force can be refused no more, and its approval goes on after a crash.
        var proposed = stored.Value;
        var approved = await EndAsync(stored, CorrectionStatus.Approved, proposed.Correction with { At = time.GetUtcNow() }, by, cancellationToken);
        return approved.Stored is { } decided ? await ApplyAsync(decided, cancellationToken) : approved.Outcome;
    }

    /// <summary>Goes on with an approval that was broken off, on the word of who gave it. What cannot come into force any more is a proposal again.</summary>
    internal Task<CorrectionResult> FinishAsync(Stored<CorrectionRecord> approved, CancellationToken cancellationToken) => ApplyAsync(approved, cancellationToken);

    /// <summary>Refuses a proposal.</summary>
    public async Task<CorrectionResult> RefuseAsync(string institution, string id, string by, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, id, cancellationToken) is not { } stored) return new(null, CorrectionRefusal.Missing);
        return stored.Value.Status == CorrectionStatus.Proposed
            ? (await EndAsync(stored, CorrectionStatus.Refused, stored.Value.Correction, by, cancellationToken)).Outcome
            : new(stored.Value, CorrectionRefusal.Decided);
    }

    /// <summary>Takes a correction back: those before and after it stay in force.</summary>
    public async Task<CorrectionResult> UndoAsync(string institution, string id, string by, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, id, cancellationToken) is not { } stored) return new(null, CorrectionRefusal.Missing);
        if (stored.Value.Status != CorrectionStatus.Applied) return new(stored.Value, CorrectionRefusal.Decided);
        var refusal = await ChangeAsync(institution, stored.Value.StudyKey, list => [.. list.Where(item => item.Id != id)], stored, cancellationToken);
        return refusal is null ? (await EndAsync(stored, CorrectionStatus.Undone, stored.Value.Correction, by, cancellationToken)).Outcome : refusal with { Record = stored.Value };
    }

    /// <summary>Puts an approved correction into force, and records that. Safe to repeat.</summary>
    private async Task<CorrectionResult> ApplyAsync(Stored<CorrectionRecord> decided, CancellationToken cancellationToken)
    {
        var correction = decided.Value.Correction;
        var refusal = await ChangeAsync(
            decided.Value.Institution, decided.Value.StudyKey, list => list.Any(item => item.Id == correction.Id) ? list : [.. list, correction], decided, cancellationToken);
        if (refusal is null) return (await EndAsync(decided, CorrectionStatus.Applied, correction, decided.Value.DecidedBy!, cancellationToken)).Outcome;
        if (refusal.Refusal == CorrectionRefusal.Decided) return refusal with { Record = decided.Value };

        // Not in force, so nothing is decided.
        var open = decided.Value with { Status = CorrectionStatus.Proposed, DecidedBy = null, DecidedAt = null };
        return await TryPutAsync(decided, open, cancellationToken) is null ? new(decided.Value, CorrectionRefusal.Decided) : refusal with { Record = open };
    }

    /// <param name="decision">The record that says so. Read again after the study, whose version the commit depends on: if another has decided since, nothing changes.</param>
    private async Task<CorrectionResult?> ChangeAsync(
        string institution, string studyKey, Func<IReadOnlyList<Correction>, IReadOnlyList<Correction>> change, Stored<CorrectionRecord> decision, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: { Erasing: null } study }) return new(null, CorrectionRefusal.Missing);

            // Of a study that has come since under the UID of an erased one it is no correction.
            if (decision.Value.RequestedAt < study.CreatedAt) return new(null, CorrectionRefusal.Missing);
            if ((await GetAsync(institution, decision.Id, cancellationToken))?.ETag != decision.ETag) return new(null, CorrectionRefusal.Decided);
            var list = await lists.ReadAsync(study, cancellationToken);
            var next = change(list);
            if (next.Count == list.Count && next.SequenceEqual(list)) return null;
            if (study.Hidden) return new(null, CorrectionRefusal.Missing);
            if (Deletions.ForbiddenBy(study) is { } hold) return new(null, CorrectionRefusal.OnHold, Hold: hold);
            if (next.Count > MaxCorrections) return new(null, CorrectionRefusal.TooMany);
            if (study.Corrections is { } old) await retired.AddAsync(institution, studyKey, [old], cancellationToken);
            using var sealedList = next.Count == 0 ? null : await lists.SealAsync(study, next, cancellationToken);
            var after = await CorrectedPatient.OfAsync(
                CorrectedAttributes.Under(study, next) with { Corrections = sealedList?.Name }, study.Corrected?.PatientKey ?? study.PatientKey, patients, cancellationToken);
            after = after with { Outbox = [.. after.Outbox, new StudyEvent(StudyClock.NewEventId(), StudyEventTypes.Updated, time.GetUtcNow(), study.Revision + 1, study.Instances())] };
            (after, var manifest) = await parts.SpillAsync(after, keys, SealOptions.Default, cancellationToken);
            using (manifest)
            {
                SmallObject[] objects = [.. new[] { sealedList, manifest }.OfType<SmallObject>()];
                if (await commit.CommitAsync(new CommitBatch(StudyChange.Of(study, after, []), objects), cancellationToken) != CommitOutcome.Committed) continue;
            }

            await StatisticsKeeper.MarkLeftAsync(documents, study, after, time.GetUtcNow(), cancellationToken);
            return null;
        }

        throw new DocumentConflictException(new DocumentKey(institution, "study", ""));
    }

    private static bool Names(StudyDocument study, CorrectionOrder order) => order.Scope switch
    {
        CorrectionScope.Study => true,
        CorrectionScope.Series => study.Series.Any(series => series.SeriesInstanceUid == order.SeriesInstanceUid),
        _ => order.SopInstanceUid is { Length: > 0 },
    };

    /// <summary>By the rules of the standard for each value, and by the list of what may be corrected.</summary>
    /// <summary>Whether a proposal is what an order asks for. The values of one that was decided lie elsewhere.</summary>
    private bool IsOf(Correction proposed, CorrectionOrder order) =>
        (proposed.Scope, proposed.SeriesInstanceUid, proposed.SopInstanceUid, proposed.Reason, proposed.Source) == (order.Scope, order.SeriesInstanceUid, order.SopInstanceUid, order.Reason, order.Source)
        && (proposed.Values.Count == 0 || (Check(order).Correction is { } asked && asked.Values.Count == proposed.Values.Count && asked.Values.All(value => proposed.Values.GetValueOrDefault(value.Key) == value.Value)));

    private (Correction? Correction, CorrectionResult? Refusal) Check(CorrectionOrder order)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var dataset = new DicomDataset(CharacterSet.Utf8);
        foreach (var (name, value) in order.Values)
        {
            if (CorrectableAttributes.Find(name, order.Scope) is not { } tag) return (null, new(null, CorrectionRefusal.NotCorrectable, name.Length <= 64 ? name : null));
            if (value.Length > 1024 || value.Any(char.IsControl)) return (null, new(null, CorrectionRefusal.BadValue, name));
            if (!DicomDictionary.VrOf(tag).UsesCharacterSet && !Ascii.IsValid(value)) return (null, new(null, CorrectionRefusal.BadValue, name));
            values[tag.ToHex()] = value;
            if (value.Length > 0) dataset.Set(tag, DicomDictionary.VrOf(tag), value.Split('\\'));
        }

        if (values.Count == 0) return (null, new(null, CorrectionRefusal.NotCorrectable));
        var wrong = DicomValidator.Validate(dataset).FirstOrDefault(finding => finding.Code is FindingCodes.ValueFormat or FindingCodes.ValueTooLong or FindingCodes.VmNotAllowed);
        if (wrong is not null) return (null, new(null, CorrectionRefusal.BadValue, wrong.Path));
        var id = RandomNumberGenerator.GetHexString(32, lowercase: true);
        return (new Correction(id, order.Scope, order.SeriesInstanceUid, order.SopInstanceUid, order.Reason, order.Source, time.GetUtcNow(), values), null);
    }

    private static CorrectionChange Change(string tag, string value, StudyDocument before, CorrectionOrder order)
    {
        _ = DicomTag.TryParse(tag, out var parsed);
        var series = before.Series.FirstOrDefault(item => item.SeriesInstanceUid == order.SeriesInstanceUid);
        var current = parsed == DicomTags.PatientName ? before.Attributes.PatientName
            : parsed == DicomTags.PatientID ? before.Attributes.PatientId
            : parsed == DicomTags.IssuerOfPatientID ? before.Attributes.IssuerOfPatientId
            : parsed == DicomTags.PatientBirthDate ? before.Attributes.PatientBirthDate
            : parsed == DicomTags.PatientSex ? before.Attributes.PatientSex
            : parsed == DicomTags.StudyDate ? before.Attributes.StudyDate
            : parsed == DicomTags.AccessionNumber ? before.Attributes.AccessionNumber
            : parsed == DicomTags.StudyID ? before.Attributes.StudyId
            : parsed == DicomTags.StudyDescription ? before.Attributes.StudyDescription
            : parsed == DicomTags.ReferringPhysicianName ? before.Attributes.ReferringPhysicianName
            : parsed == DicomTags.SeriesDescription ? series?.Attributes.SeriesDescription
            : parsed == DicomTags.BodyPartExamined ? series?.Attributes.BodyPart
            : null;
        return new CorrectionChange(tag, DicomDictionary.KeywordOf(parsed) ?? tag, current, value.Length == 0 ? null : value);
    }

    private async ValueTask<Stored<CorrectionRecord>?> GetAsync(string institution, string id, CancellationToken cancellationToken) =>
        await documents.GetAsync<CorrectionRecord>(new DocumentKey(institution, CorrectionRecord.Type, id), cancellationToken);

    private async Task<(CorrectionResult Outcome, Stored<CorrectionRecord>? Stored)> EndAsync(
        Stored<CorrectionRecord> stored, CorrectionStatus status, Correction correction, string by, CancellationToken cancellationToken)
    {
        var next = stored.Value with { Status = status, Correction = correction, DecidedBy = by, DecidedAt = time.GetUtcNow() };
        return await TryPutAsync(stored, next, cancellationToken) is { } put ? (new(next), put) : (new(stored.Value, CorrectionRefusal.Decided), null);
    }

    /// <summary>Replaces a record as it was read. Null when somebody else was first.</summary>
    private async Task<Stored<CorrectionRecord>?> TryPutAsync(Stored<CorrectionRecord> stored, CorrectionRecord next, CancellationToken cancellationToken)
    {
        try
        {
            return new(stored.Id, await documents.PutAsync(Key(next), next, Match.Version(stored.ETag), Terms(next), cancellationToken), next);
        }
        catch (DocumentConflictException)
        {
            return null;
        }
    }

    private static DocumentKey Key(CorrectionRecord record) => new(record.Institution, CorrectionRecord.Type, record.Correction.Id);

    internal static string[] Terms(CorrectionRecord record) => [$"status:{record.Status}", $"study:{record.StudyKey}"];
}
