using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Uploads;

namespace Skylight.Core.Lifecycle;

/// <summary>What is left of a study in the documents: intake items, deletions, rejection notes that wait for it, corrections, upload reports and staging, care relations to it, and the records of its patients if it was their last study.</summary>
public sealed class ErasureTraces(ICatalog catalog, IDocuments documents, IntakeItems items, PatientDirectory patients, UploadReports reports, UploadSessions uploads, Deletions deletions)
{
    private const int Page = 200;

    private readonly ErasurePatients _patients = new(catalog, documents, patients);

    /// <summary>Keys of every patient that a study was of in its time. To be asked while there are its document and its corrections.</summary>
    internal Task<IReadOnlyList<string>> PatientsAsync(StudyDocument study, CancellationToken cancellationToken) => _patients.OfAsync(study, cancellationToken);

    /// <summary>Removes them; answers how many intake items, and whether the patient's record went too. Safe to repeat.</summary>
    internal async Task<(int Items, bool Patient)> RemoveAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        // The study's document is gone: what stands in its place has come since, under its UID, and what is newer than that is its own.
        var since = (await catalog.GetStudyByKeyAsync(erasure.Institution, erasure.StudyKey, cancellationToken))?.Value.CreatedAt ?? DateTimeOffset.MaxValue;
        if (erasure.StudyInstanceUid is { } uid)
        {
            // One that comes while this runs reports after its commit, which is to come.
            var now = erasure.At!.Value.AddTicks(1);
            foreach (var upload in await reports.ForgetAsync(erasure.Institution, uid, since < now ? since : now, cancellationToken)) await uploads.ForgetAsync(erasure.Institution, upload, cancellationToken);
        }

        await RemoveCorrectionsAsync(erasure, since, cancellationToken);
        await RetainedRejections.ForgetStudyAsync(documents, erasure.Institution, erasure.StudyKey, since, cancellationToken);
        await RelationRecords.EndOfStudyAsync(documents, erasure.Institution, erasure.StudyKey, since, erasure.At!.Value, cancellationToken);
        var left = new HashSet<string>(StringComparer.Ordinal);
        var removed = await RemoveItemsAsync(erasure, since, left, cancellationToken);
        await CloseDeletionsAsync(erasure, since, left, cancellationToken);
        return (removed, await _patients.RemoveAsync(erasure, left, cancellationToken));
    }

    /// <summary>Ends the deletion that an erasure of instances carried out, and those that only named the same.</summary>
    internal async Task CloseAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        while (erasure.DeletionId is { } id && await deletions.GetAsync(erasure.Institution, id, cancellationToken) is { } stored && stored.Value.Status != DeletionStatus.Erased)
            if (await deletions.TryPutAsync(stored, Ended(stored.Value, erasure), cancellationToken)) break;
        await deletions.SettleAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
    }

    /// <summary>Removes one intake item.</summary>
    internal async Task RemoveItemAsync(string institution, string id, CancellationToken cancellationToken) => await items.RemoveAsync(institution, id, cancellationToken);

    private async Task RemoveCorrectionsAsync(ErasureRecord erasure, DateTimeOffset since, CancellationToken cancellationToken)
    {
        foreach (var stored in await DocumentPages.AllAsync(next =>
            documents.ListAsync<CorrectionRecord>(erasure.Institution, CorrectionRecord.Type, $"study:{erasure.StudyKey}", Page, next, cancellationToken)))
            if (stored.Value.RequestedAt < since) await documents.DeleteAsync(new DocumentKey(erasure.Institution, CorrectionRecord.Type, stored.Id), Match.Any, cancellationToken);
    }

    /// <summary>An item of a provisional study is another patient's, and stays.</summary>
    /// <param name="left">Gets the patients of the items that stay.</param>
    private async Task<int> RemoveItemsAsync(ErasureRecord erasure, DateTimeOffset since, HashSet<string> left, CancellationToken cancellationToken)
    {
        var removed = 0;
        string? continuation = null;
        do
        {
            var page = await items.WalkAsync(erasure.Institution, Page, continuation, cancellationToken);
            foreach (var item in page.Items.Select(stored => stored.Value))
            {
                if (item.CreatedAt < since && (item.StudyKey == erasure.StudyKey && (item.ProvisionalKey is null || item.PatientKey == erasure.PatientKey) || item.ProvisionalKey == erasure.StudyKey))
                {
                    await items.RemoveAsync(erasure.Institution, item.Id, cancellationToken);
                    removed++;
                }
                else if (item.PatientKey is { } other)
                {
                    left.Add(other);
                }
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return removed;
    }

    /// <param name="left">Gets the patients who have another study that is hidden.</param>
    private async Task CloseDeletionsAsync(ErasureRecord erasure, DateTimeOffset since, HashSet<string> left, CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<DeletionRecord>(erasure.Institution, DeletionRecord.Type, null, Page, continuation, cancellationToken);
            foreach (var stored in page.Items)
            {
                var record = stored.Value;
                if (record.StudyKey != erasure.StudyKey || record.At >= since)
                {
                    if (record.Status is DeletionStatus.Hidden or DeletionStatus.Covered or DeletionStatus.Erasing or DeletionStatus.Restoring) left.Add(record.PatientKey);
                    continue;
                }

                if (!await deletions.TryPutAsync(stored, record.Status == DeletionStatus.Restored ? Stripped(record) : Ended(record, erasure), cancellationToken))
                    throw new IOException("A deletion was changed meanwhile.");
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    private static DeletionRecord Ended(DeletionRecord record, ErasureRecord erasure) => Stripped(record) with { Status = DeletionStatus.Erased, EndedBy = erasure.RequestedBy, EndedAt = erasure.At };

    /// <summary>Without the UIDs in it.</summary>
    internal static DeletionRecord Stripped(DeletionRecord record) => record with { StudyInstanceUid = null, SeriesInstanceUid = null, SopInstanceUid = null, RejectionNote = null };
}
