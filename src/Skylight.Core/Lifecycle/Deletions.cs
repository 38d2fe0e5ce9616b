using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>What became of a deletion.</summary>
public enum DeletionOutcome
{
    Hidden,

    /// <summary>There is no such visible study, series or instance.</summary>
    Missing,

    /// <summary>A hold forbids it.</summary>
    OnHold,

    /// <summary>It must still be kept, and this institution does not hide what must be kept.</summary>
    Retained,
}

/// <param name="Record">Set when hidden.</param>
/// <param name="Retention">Set when hidden or retained.</param>
/// <param name="Hold">The hold that forbids it.</param>
public sealed record DeletionResult(DeletionOutcome Outcome, DeletionRecord? Record = null, RetentionVerdict? Retention = null, StudyHold? Hold = null);

/// <summary>What became of bringing something back.</summary>
public enum RestoreOutcome
{
    Restored,

    /// <summary>There is no such deletion.</summary>
    Missing,

    /// <summary>It was brought back before, or is being erased.</summary>
    TooLate,
}

/// <summary>
/// Takes studies, series and instances out of every answer, and brings them back. Nothing is destroyed here: the bytes stay, sealed, until
/// the erasure that follows when the delay, retention and holds allow it.
/// </summary>
public sealed class Deletions
{
    private const int MaxAttempts = 20;

    private readonly ICatalog _catalog;
    private readonly ICommit _commit;
    private readonly IDocuments _documents;
    private readonly Retention _retention;
    private readonly LifecycleOptions _options;
    private readonly TimeProvider _time;
    private readonly InstanceStates _states;
    private readonly Refusals _refusals;
    private readonly DeletionsTakenBack _shown;
    private readonly CoveredDeletions _covered;

    public Deletions(
        ICatalog catalog, ICommit commit, IDocuments documents, StudyParts parts, Archive.Objects.IObjectStore store, Archive.Keys.StudyKeys keys, Retention retention,
        IOptions<LifecycleOptions> options, TimeProvider time)
    {
        (_catalog, _commit, _documents, _retention, _options, _time) = (catalog, commit, documents, retention, options.Value, time);
        _states = new InstanceStates(catalog, store, keys, parts);
        _refusals = new Refusals(catalog, _states.Contents);
        _covered = new CoveredDeletions(catalog, documents, this, _states.Contents, _refusals, options.Value, time);
        _shown = new DeletionsTakenBack(catalog, commit, documents, this, _covered, _states, _refusals);
    }

    /// <summary>Hides what the target names. Durable when the task completes.</summary>
    /// <param name="by">Account.</param>
    public async Task<DeletionResult> DeleteAsync(string institution, RetrieveTarget target, DeletionReason reason, string by, CancellationToken cancellationToken)
    {
        if (await _catalog.GetStudyAsync(institution, target.StudyInstanceUid, cancellationToken) is not { Value: var study } || !study.IsVisible()) return new(DeletionOutcome.Missing);
        if (ForbiddenBy(study) is { } hold) return new(DeletionOutcome.OnHold, Hold: hold);
        var verdict = await _retention.OfAsync(study, cancellationToken);
        if (_options.RefusesWithinRetention(institution) && !verdict.IsOver(_time.GetUtcNow())) return new(DeletionOutcome.Retained, Retention: verdict);
        var result = await HideAsync(study, Record(study, target, reason, by, null), null, null, cancellationToken);
        return result with { Retention = verdict };
    }

    /// <summary>
    /// Hides the current revisions of single instances, on the word of a rejection note. What is hidden already stays as it is. In the note's own study, what it names and is
    /// not there is refused from now on.
    /// </summary>
    internal async Task<DeletionResult> RejectAsync(StudyDocument study, IReadOnlySet<string> sopInstanceUids, RejectionNote note, string by, CancellationToken cancellationToken)
    {
        if (_options.RefusesWithinRetention(study.Institution) && await _retention.OfAsync(study, cancellationToken) is var verdict && !verdict.IsOver(_time.GetUtcNow()))
            return new(DeletionOutcome.Retained, Retention: verdict);
        return await HideAsync(
            study, Record(study, new RetrieveTarget(study.StudyInstanceUid), note.Reason, by, note.SopInstanceUid) with { Level = DeletionLevel.Instances }, sopInstanceUids,
            note.Refuses && study.StudyInstanceUid == note.StudyInstanceUid ? note : null, cancellationToken);
    }

    /// <summary>Rejection notes that a study has, hidden ones too.</summary>
    internal Task<IReadOnlyList<RejectionNote>> NotesAsync(StudyDocument study, CancellationToken cancellationToken) => _states.Contents.NotesAsync(study, cancellationToken);

    /// <summary>Whether a rejection note was carried out in a study before, whatever came of it since.</summary>
    internal async ValueTask<bool> IsAppliedAsync(StudyDocument study, RejectionNote note, CancellationToken cancellationToken)
    {
        var page = await _documents.ListAsync<DeletionRecord>(study.Institution, DeletionRecord.Type, NoteTerm(note.SopInstanceUid), 50, null, cancellationToken);
        foreach (var record in page.Items.Select(item => item.Value).Where(record => record.StudyKey == study.StudyKey))
        {
            if (record is not { Status: DeletionStatus.Hidden } or { Instances: 0, Refused: 0 } || await _refusals.IsInForceAsync(study, note, record.Id, cancellationToken)) return true;

            // A crash came between the record and what it says.
            await _documents.DeleteAsync(Key(record.Institution, record.Id), Match.Any, cancellationToken);
        }

        return false;
    }

    /// <summary>The record, or null.</summary>
    public async ValueTask<Stored<DeletionRecord>?> GetAsync(string institution, string id, CancellationToken cancellationToken) =>
        await _documents.GetAsync<DeletionRecord>(Key(institution, id), cancellationToken);

    /// <summary>One page of deletions with this status.</summary>
    public ValueTask<DocumentPage<DeletionRecord>> ListAsync(string institution, DeletionStatus status, int limit, string? continuation, CancellationToken cancellationToken) =>
        _documents.ListAsync<DeletionRecord>(institution, DeletionRecord.Type, $"status:{status}", limit, continuation, cancellationToken);

    /// <summary>Brings back what a deletion hid, as it was. Safe to repeat, and to be repeated after a crash.</summary>
    /// <exception cref="DocumentConflictException">The study was changed by others at every attempt: it is on its way back, and a repetition goes on.</exception>
    public async Task<RestoreOutcome> RestoreAsync(string institution, string id, string by, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, id, cancellationToken) is not { } stored) return RestoreOutcome.Missing;
        if (stored.Value.Status is not (DeletionStatus.Hidden or DeletionStatus.Covered or DeletionStatus.Restoring)) return RestoreOutcome.TooLate;

        // Decided first: an erasure begins by the same record, so only one of the two does.
        if (stored.Value.Status != DeletionStatus.Restoring)
        {
            var decided = stored.Value with { Status = DeletionStatus.Restoring, EndedBy = by, EndedAt = _time.GetUtcNow() };
            if (!await TryPutAsync(stored, decided, cancellationToken) || await GetAsync(institution, id, cancellationToken) is not { Value.Status: DeletionStatus.Restoring } restoring)
                return RestoreOutcome.TooLate;
            stored = restoring;
        }

        if (!await _shown.ShowAsync(stored.Value, cancellationToken)) return RestoreOutcome.TooLate;
        if (await TryPutAsync(stored, stored.Value with { Status = DeletionStatus.Restored }, cancellationToken)) return RestoreOutcome.Restored;
        return await GetAsync(institution, id, cancellationToken) is { Value.Status: DeletionStatus.Restored } ? RestoreOutcome.Restored : RestoreOutcome.TooLate;
    }

    /// <summary>Looks at the covered deletions of a study again: what they name may be theirs now, or gone.</summary>
    internal Task SettleAsync(string institution, string studyKey, CancellationToken cancellationToken) => _covered.SettleAsync(institution, studyKey, cancellationToken);

    /// <inheritdoc cref="SettleAsync(string, string, CancellationToken)"/>
    internal Task SettleAsync(Stored<DeletionRecord> covered, CancellationToken cancellationToken) => _covered.SettleAsync(covered, cancellationToken);

    /// <summary>Replaces a record as it was read. False when somebody else was first.</summary>
    internal async ValueTask<bool> TryPutAsync(Stored<DeletionRecord> read, DeletionRecord next, CancellationToken cancellationToken)
    {
        try
        {
            await _documents.PutAsync(Key(next.Institution, next.Id), next, Match.Version(read.ETag), Terms(next), cancellationToken);
            return true;
        }
        catch (DocumentConflictException)
        {
            return false;
        }
    }

    /// <summary>Entries of a study that one deletion hid, by the catalog's word.</summary>
    internal async Task<HashSet<(string, int, string)>> HiddenByAsync(StudyDocument study, string deletionId, CancellationToken cancellationToken)
    {
        var hidden = (await _states.Contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries).Where(entry => entry.State == EntryState.Hidden).ToList();
        var found = new HashSet<(string, int, string)>();
        foreach (var group in hidden.Chunk(1000))
        {
            var rows = (await _catalog.FindInstancesAsync(study.Institution, [.. group.Select(entry => entry.SopInstanceUid).Distinct()], cancellationToken))
                .Where(row => row.StudyKey == study.StudyKey && row.State is InstanceState.Hidden or InstanceState.Deleted && row.ItemId == deletionId).ToLookup(row => row.SopInstanceUid, StringComparer.Ordinal);
            foreach (var entry in group)
                if (rows[entry.SopInstanceUid].Any(row => row.SameContent(entry.DatasetDigest, entry.PixelDigest, entry.PixelDigestKind))) found.Add(Identity(entry));
        }

        return found;
    }

    internal static (string, int, string) Identity(IndexEntry entry) => (entry.SopInstanceUid, entry.Revision, Convert.ToHexString(entry.FileSha256));

    internal static StudyHold? ForbiddenBy(StudyDocument study) =>
        study.Holds.FirstOrDefault(hold => hold.ReleasedAt is null) ?? (study.Hold ? new StudyHold("", HoldKind.Legal, "", "", study.CreatedAt) : null);

    private async Task<DeletionResult> HideAsync(
        StudyDocument study, DeletionRecord record, IReadOnlySet<string>? only, RejectionNote? refusing, CancellationToken cancellationToken)
    {
        string? version = null;
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await _catalog.GetStudyByKeyAsync(study.Institution, study.StudyKey, cancellationToken) is not { Value: var current } || (record.RejectionNote is null && !current.IsVisible()))
                return await VoidAsync(new(DeletionOutcome.Missing));
            if (ForbiddenBy(current) is { } hold) return await VoidAsync(new(DeletionOutcome.OnHold, Hold: hold));
            var whole = record.Level == DeletionLevel.Study;
            using var change = whole ? null : await PrepareAsync(current, record, only, cancellationToken);
            var refused = refusing is null ? [] : await _refusals.RowsAsync(current, refusing, record.Id, cancellationToken);
            if (!whole && change is null && refused.Count == 0 && !await IsHiddenElsewhereAsync(current, record, only, cancellationToken)) return await VoidAsync(new(DeletionOutcome.Missing));
            record = record with
            {
                Status = whole || change is not null || refused.Count > 0 ? DeletionStatus.Hidden : DeletionStatus.Covered,
                Instances = whole ? current.Instances() : change?.Count ?? 0,
                Refused = refused.Count,
            };

            // The record first: what it names and is not hidden after a crash is nothing, but what is hidden has its record. As it was written before: somebody may have taken it back meanwhile.
            version = await _documents.PutAsync(Key(record.Institution, record.Id), record, version is null ? Match.None : Match.Version(version), Terms(record), cancellationToken);
            var batch = whole
                ? new CommitBatch(StudyChange.Of(current, Announce(current with { Hidden = true, Deletion = record.Id }, StudyEventTypes.Deleted, current.Instances()), []), [])
                : Batch(current, change, refused, StudyEventTypes.Deleted, current.Hidden ? 0 : change?.Count ?? 0);
            if (await _commit.CommitAsync(batch, cancellationToken) == CommitOutcome.Committed) return new(DeletionOutcome.Hidden, record);
        }

        // Instances keep arriving faster than the study can be hidden: the caller tries again.
        await VoidAsync(new(DeletionOutcome.Missing));
        throw new DocumentConflictException(new DocumentKey(study.Institution, "study", ""));

        async ValueTask<DeletionResult> VoidAsync(DeletionResult result)
        {
            if (version is not null) await _documents.DeleteAsync(Key(record.Institution, record.Id), Match.Any, cancellationToken);
            return result;
        }
    }

    /// <summary>Whether a note rejects what another deletion has hidden: it has hidden nothing itself then, and has its record for when that one is taken back.</summary>
    private async ValueTask<bool> IsHiddenElsewhereAsync(StudyDocument study, DeletionRecord record, IReadOnlySet<string>? rejected, CancellationToken cancellationToken) =>
        record.RejectionNote is not null && (await _states.Contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries)
        .Any(entry => entry.State == EntryState.Hidden && entry.Deletion != record.Id && rejected?.Contains(entry.SopInstanceUid) == true);

    private Task<StateChange?> PrepareAsync(StudyDocument study, DeletionRecord record, IReadOnlySet<string>? only, CancellationToken cancellationToken) =>
        _states.PrepareAsync(
            study,
            (series, entry) => entry.State == EntryState.Stored && (record.SeriesInstanceUid is null || series.SeriesInstanceUid == record.SeriesInstanceUid)
                && (record.SopInstanceUid is null || entry.SopInstanceUid == record.SopInstanceUid) && (only is null || only.Contains(entry.SopInstanceUid))
                ? entry with { State = EntryState.Hidden, Deletion = record.Id }
                : null,
            (_, row) => row with { State = RowState(record.Reason), ItemId = record.Id },
            cancellationToken);

    /// <summary>State of a hidden instance's row. Gone only because its time was over: who has it still may send it again.</summary>
    internal static InstanceState RowState(DeletionReason reason) => reason == DeletionReason.RetentionExpired ? InstanceState.Deleted : InstanceState.Hidden;

    /// <summary>A change of instances, if there is one, with further rows.</summary>
    /// <param name="instances">Instances to announce; of 0 nothing is said.</param>
    internal CommitBatch Batch(StudyDocument study, StateChange? change, IReadOnlyList<InstanceIndexRow> more, string type, int instances)
    {
        if (change is null) return new CommitBatch(StudyChange.Of(study, study, more), []);
        if (instances > 0) change.Next = Announce(change.Next, type, instances);
        change.Rows = [.. change.Rows, .. more];
        return change.Batch;
    }

    private DeletionRecord Record(StudyDocument study, RetrieveTarget target, DeletionReason reason, string by, string? note)
    {
        var now = _time.GetUtcNow();
        return new DeletionRecord
        {
            Institution = study.Institution,
            Id = RandomNumberGenerator.GetHexString(32, lowercase: true),
            Level = target.SopInstanceUid is not null ? DeletionLevel.Instances : target.SeriesInstanceUid is not null ? DeletionLevel.Series : DeletionLevel.Study,
            Reason = reason,
            Status = DeletionStatus.Hidden,
            StudyKey = study.StudyKey,
            PatientKey = study.PatientKey,
            StudyInstanceUid = study.StudyInstanceUid,
            SeriesInstanceUid = target.SeriesInstanceUid,
            SopInstanceUid = target.SopInstanceUid,
            RejectionNote = note,
            By = by,
            At = now,
            EraseAfter = now.AddDays(_options.EraseAfterDaysOf(study.Institution)),
        };
    }

    internal StudyDocument Announce(StudyDocument study, string type, int instances) =>
        study with { Outbox = [.. study.Outbox, new StudyEvent(StudyClock.NewEventId(), type, _time.GetUtcNow(), study.Revision + 1, instances)] };

    private static DocumentKey Key(string institution, string id) => new(institution, DeletionRecord.Type, id);

    internal static string[] Terms(DeletionRecord record) =>
        record.RejectionNote is { } note ? [$"status:{record.Status}", $"study:{record.StudyKey}", NoteTerm(note)] : [$"status:{record.Status}", $"study:{record.StudyKey}"];

    private static string NoteTerm(string sopInstanceUid) => $"note:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sopInstanceUid)).AsSpan(0, 16))}";
}
