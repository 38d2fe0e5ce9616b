using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Quarantine;

namespace Skylight.Core.Catalog;

/// <summary>
/// Records that a study's objects refer to and that are lost, because the records are older than the objects: without them nobody could bring back what a deletion hid, decide
/// about what was held, or undo a correction. They say what the objects say, and that nobody knows the rest.
/// </summary>
internal sealed class LostRecords(IDocuments documents, IntakeItems items, LifecycleOptions options, TimeProvider time)
{
    /// <summary>Stands for the account that nobody knows any more.</summary>
    public const string By = "reindex";

    /// <summary>Makes those that are missing; answers how many.</summary>
    public async Task<int> MakeAsync(StudyDocument study, RebuiltStudy built, IReadOnlyList<Correction> corrections, CancellationToken cancellationToken)
    {
        var made = 0;
        foreach (var hidden in built.Rows.Where(row => row is { State: InstanceState.Hidden, ItemId: not null }).GroupBy(row => row.ItemId!, StringComparer.Ordinal))
            made += await MakeAsync(Deletion(study, hidden.Key, hidden.Count()), cancellationToken);
        foreach (var held in built.Rows.Where(row => row is { State: InstanceState.Held, ItemId: not null }).DistinctBy(row => row.ItemId))
        {
            if (await items.GetAsync(study.Institution, held.ItemId!, cancellationToken) is not null) continue;
            await items.EnsureAsync(Item(study, built, held), reopen: false, cancellationToken);
            made++;
        }

        foreach (var correction in corrections) made += await MakeAsync(Applied(study, correction), cancellationToken);
        return made;
    }

    private async Task<int> MakeAsync(DeletionRecord record, CancellationToken cancellationToken) =>
        await MakeAsync(new DocumentKey(record.Institution, DeletionRecord.Type, record.Id), record, Deletions.Terms(record), cancellationToken);

    private async Task<int> MakeAsync(CorrectionRecord record, CancellationToken cancellationToken) =>
        await MakeAsync(new DocumentKey(record.Institution, CorrectionRecord.Type, record.Correction.Id), record, CorrectionService.Terms(record), cancellationToken);

    private async Task<int> MakeAsync<T>(DocumentKey key, T record, string[] terms, CancellationToken cancellationToken)
        where T : class
    {
        if (await documents.GetAsync<T>(key, cancellationToken) is not null) return 0;
        await documents.PutAsync(key, record, Match.None, terms, cancellationToken);
        return 1;
    }

    private DeletionRecord Deletion(StudyDocument study, string id, int instances) => new()
    {
        Institution = study.Institution,
        Id = id,
        Level = DeletionLevel.Instances,
        Reason = DeletionReason.Unspecified,
        Status = DeletionStatus.Hidden,
        StudyKey = study.StudyKey,
        PatientKey = study.PatientKey,
        StudyInstanceUid = study.StudyInstanceUid,
        Instances = instances,
        By = By,
        At = time.GetUtcNow(),
        EraseAfter = time.GetUtcNow().AddDays(options.EraseAfterDaysOf(study.Institution)),
    };

    private IntakeItem Item(StudyDocument study, RebuiltStudy built, InstanceIndexRow held)
    {
        var single = study.ProvisionalOf is null;
        return new IntakeItem
        {
            Institution = study.Institution,
            Id = held.ItemId!,
            Kind = single ? IntakeKind.HeldInstance : IntakeKind.HeldStudy,
            Reason = IngestReasons.RecordLost,
            CreatedAt = time.GetUtcNow(),
            Source = new IngestSource(By, held.Trust, IngestChannel.Folder),
            SopClassUid = single ? held.SopClassUid : null,
            SopInstanceUid = single ? held.SopInstanceUid : null,
            SeriesInstanceUid = single ? study.Series.FirstOrDefault(series => series.SeriesKey == held.SeriesKey)?.SeriesInstanceUid : null,
            StudyInstanceUid = study.StudyInstanceUid,
            StudyKey = study.ProvisionalOf ?? study.StudyKey,
            ProvisionalKey = single ? null : study.StudyKey,
            PatientKey = study.PatientKey,
            Patient = built.Patient,
        };
    }

    private static CorrectionRecord Applied(StudyDocument study, Correction correction) => new()
    {
        Institution = study.Institution,
        StudyKey = study.StudyKey,
        PatientKey = study.PatientKey,
        Status = CorrectionStatus.Applied,
        Correction = correction,
        RequestedBy = By,
        RequestedAt = correction.At,
        DecidedBy = By,
        DecidedAt = correction.At,
    };
}
