using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Patients;

namespace Skylight.Core.Quarantine;

/// <summary>
/// A technician's decisions about intake items. Released content goes through ingest again, out of the archive, so that it is sealed under the key of the
/// study that it now belongs to. A decision is recorded before it is carried out, and carried on by repeating it after a crash.
/// </summary>
public sealed class IntakeService
{
    private readonly IngestService _ingest;
    private readonly PackReader _packs;
    private readonly TimeProvider _time;
    private readonly HeldContent _held;

    public IntakeService(IngestService ingest, ICatalog catalog, ICommit commit, PackReader packs, TimeProvider time)
    {
        (_ingest, _packs, _time) = (ingest, packs, time);
        _held = new HeldContent(catalog, commit, ingest.Parts, ingest.Store, ingest.Keys);
    }

    /// <summary>Takes the content in: of a quarantined file as far as it can be read, of a held one in place of what is there.</summary>
    public Task<IntakeResult> AcceptAsync(string institution, string id, string by, string? note, CancellationToken cancellationToken) =>
        DecideAsync(institution, id, new IntakeDecision(IntakeAction.Accept, by, _time.GetUtcNow(), note), (item, token) => ReleaseAsync(item, null, null, token), cancellationToken);

    /// <summary>
    /// Links and accepts. A held study: its patient and the study's patient are one from now on. A quarantined file: it belongs to the study named.
    /// </summary>
    public Task<IntakeResult> LinkAsync(string institution, string id, string by, string? note, string? studyInstanceUid, CancellationToken cancellationToken) =>
        DecideAsync(
            institution,
            id,
            new IntakeDecision(IntakeAction.Link, by, _time.GetUtcNow(), note),
            async (item, token) =>
            {
                if (item.Kind == IntakeKind.Quarantined) return studyInstanceUid is null ? IntakeRefusal.NeedsStudy : await ReleaseAsync(item, null, studyInstanceUid, token);
                if (item.Kind != IntakeKind.HeldStudy || await StudyAsync(item, token) is not { } study) return IntakeRefusal.NotApplicable;
                return await _ingest.Patients.LinkAsync(institution, item.PatientKey!, study.PatientKey, token) ? await ReleaseAsync(item, null, null, token) : IntakeRefusal.NoSuchPatient;
            },
            cancellationToken);

    /// <summary>
    /// Says which patient a held study's content belongs to. If that is the study's patient, the content is taken in; otherwise it stays held, under the
    /// patient named.
    /// </summary>
    public Task<IntakeResult> ReassignAsync(string institution, string id, string by, string? note, PatientIdentity patient, CancellationToken cancellationToken) =>
        DecideAsync(
            institution,
            id,
            new IntakeDecision(IntakeAction.Reassign, by, _time.GetUtcNow(), note),
            async (item, token) =>
            {
                if (item.Kind != IntakeKind.HeldStudy || await StudyAsync(item, token) is not { } study) return IntakeRefusal.NotApplicable;
                var key = await _ingest.Patients.KeyAsync(institution, patient, study.StudyInstanceUid, token);
                if (patient.NormalisedId is null || await _ingest.Patients.GetAsync(institution, key, token) is null) return IntakeRefusal.NoSuchPatient;
                if (await _ingest.Patients.CompareAsync(institution, study.PatientKey, patient, key, token) == PatientMatch.Same) return await ReleaseAsync(item, study.PatientKey, null, token);
                await _held.CloseAsync(institution, item.ProvisionalKey!, "", InstanceState.Held, provisional => provisional with { PatientKey = key }, token);
                return IntakeRefusal.StaysHeld;
            },
            cancellationToken);

    /// <summary>Refuses the content: it stays unseen until retention ends, and the same content sent again is rejected.</summary>
    public Task<IntakeResult> RejectAsync(string institution, string id, string by, string? note, CancellationToken cancellationToken) =>
        DecideAsync(
            institution,
            id,
            new IntakeDecision(IntakeAction.Reject, by, _time.GetUtcNow(), note),
            async (item, token) =>
            {
                if (item.Kind != IntakeKind.Quarantined)
                    await _held.CloseAsync(institution, item.ProvisionalKey ?? item.StudyKey!, item.Id, InstanceState.Rejected, study => study, token);
                return null;
            },
            cancellationToken);

    private async Task<IntakeResult> DecideAsync(
        string institution, string id, IntakeDecision decision, Func<IntakeItem, CancellationToken, Task<IntakeRefusal?>> carryOut, CancellationToken cancellationToken)
    {
        try
        {
            if (await _ingest.Items.GetAsync(institution, id, cancellationToken) is not { } stored) return new IntakeResult(null, IntakeRefusal.NotFound);
            var item = stored.Value;
            var carriesOn = item.Status == IntakeStatus.Deciding && item.Decisions is [.., var last] && last.Action == decision.Action;
            if (item.Status != IntakeStatus.Open && !carriesOn) return new IntakeResult(item, IntakeRefusal.AlreadyDecided);
            if (!carriesOn)
            {
                item = item with { Status = IntakeStatus.Deciding, Decisions = [.. item.Decisions, decision] };
                await _ingest.Items.ReplaceAsync(stored, item, cancellationToken);
            }

            var refusal = await carryOut(item, cancellationToken);

            // The decision stands; it is carried out when the content is back.
            if (refusal == IntakeRefusal.Archived) return new IntakeResult(item, refusal);
            var after = await _ingest.Items.GetAsync(institution, id, cancellationToken) ?? throw new InvalidDataException("An intake item has vanished.");
            var done = after.Value with
            {
                Status = refusal is not null ? IntakeStatus.Open : decision.Action switch
                {
                    IntakeAction.Accept => IntakeStatus.Accepted,
                    IntakeAction.Link => IntakeStatus.Linked,
                    IntakeAction.Reassign => IntakeStatus.Reassigned,
                    _ => IntakeStatus.Rejected,
                },
            };
            await _ingest.Items.ReplaceAsync(after, done, cancellationToken);
            return new IntakeResult(done, refusal == IntakeRefusal.StaysHeld ? null : refusal);
        }
        catch (DocumentConflictException)
        {
            return new IntakeResult(null, IntakeRefusal.AlreadyDecided);
        }
    }

    private Task<IntakeRefusal?> ReleaseAsync(IntakeItem item, string? patientKey, string? studyInstanceUid, CancellationToken cancellationToken) =>
        item.Kind == IntakeKind.Quarantined ? ReleaseFileAsync(item, studyInstanceUid, cancellationToken) : ReleaseHeldAsync(item, patientKey, cancellationToken);

    private async Task<IntakeRefusal?> ReleaseFileAsync(IntakeItem item, string? studyInstanceUid, CancellationToken cancellationToken)
    {
        if (item.Bytes is not { } bytes) return IntakeRefusal.NotApplicable;
        await using var batch = _ingest.Open(new IngestContext(item.Institution, item.Source, item.UploadId));
        await using var content = await _packs.OpenStreamAsync(bytes.Pack, bytes.Offset, bytes.Length, cancellationToken);
        await batch.AddAsync(content, new IngestName(item.Id), null, new IntakeRelease(false, AllowTruncated: true, StudyInstanceUid: studyInstanceUid), cancellationToken);
        var outcome = (await batch.CommitAsync(cancellationToken)).Files[0];
        return outcome.Kind is OutcomeKind.Rejected or OutcomeKind.Ignored ? IntakeRefusal.StillUnidentified : null;
    }

    private async Task<IntakeRefusal?> ReleaseHeldAsync(IntakeItem item, string? patientKey, CancellationToken cancellationToken)
    {
        var holder = item.ProvisionalKey ?? item.StudyKey!;
        if ((await _ingest.Catalog.GetStudyByKeyAsync(item.Institution, holder, cancellationToken))?.Value is not { } study) return IntakeRefusal.NotApplicable;
        var target = await StudyAsync(item, cancellationToken);
        if (target is { Hold: true }) return IntakeRefusal.OnHold;
        var owner = patientKey ?? target?.PatientKey;
        try
        {
            await using var batch = _ingest.Open(new IngestContext(item.Institution, item.Source, item.UploadId));
            foreach (var entry in await _held.EntriesAsync(study, item.Id, cancellationToken))
            {
                await using var content = await _packs.OpenStreamAsync(entry, cancellationToken);
                await batch.AddAsync(content, new IngestName(item.Id), null, new IntakeRelease(true, owner), cancellationToken);
            }

            await batch.CommitAsync(cancellationToken);
        }
        catch (ObjectArchivedException)
        {
            return IntakeRefusal.Archived;
        }

        if (item.Kind == IntakeKind.HeldStudy) await _held.CloseAsync(item.Institution, holder, item.Id, InstanceState.Deleted, provisional => provisional with { Hidden = true }, cancellationToken);
        else if (item.Kind == IntakeKind.DeletedStudy) await _held.CloseAsync(item.Institution, holder, item.Id, InstanceState.Held, deleted => deleted with { Hidden = false, Deletion = null }, cancellationToken);
        return null;
    }

    /// <summary>The study whose parts hold an item's content; null for a file that belongs to none.</summary>
    public async ValueTask<StudyDocument?> HolderAsync(IntakeItem item, CancellationToken cancellationToken) =>
        (item.ProvisionalKey ?? item.StudyKey) is { } key ? (await _ingest.Catalog.GetStudyByKeyAsync(item.Institution, key, cancellationToken))?.Value : null;

    /// <summary>
    /// Carries out what was decided about a study's content while that was archived: a release, or a link. Answers the items that are done. (Whom a study is reassigned to is not
    /// recorded: that is decided again.) Safe to repeat.
    /// </summary>
    public async Task<IReadOnlyList<IntakeItem>> ResumeAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var waiting = new List<IntakeItem>();
        string? continuation = null;
        do
        {
            var page = await _ingest.Items.ListAsync(institution, IntakeStatus.Deciding, 200, continuation, cancellationToken);
            waiting.AddRange(page.Items.Select(item => item.Value).Where(item => item.Kind != IntakeKind.Quarantined && (item.ProvisionalKey ?? item.StudyKey) == studyKey));
            continuation = page.Continuation;
        }
        while (continuation is not null);

        var done = new List<IntakeItem>();
        foreach (var item in waiting)
        {
            var result = item.Decisions[^1] switch
            {
                { Action: IntakeAction.Accept } accept => await AcceptAsync(institution, item.Id, accept.By, accept.Note, cancellationToken),
                { Action: IntakeAction.Link } link => await LinkAsync(institution, item.Id, link.By, link.Note, null, cancellationToken),
                _ => new IntakeResult(item, IntakeRefusal.Archived),
            };
            if (result is { Refusal: null, Item: { } decided }) done.Add(decided);
        }

        return done;
    }

    private async ValueTask<StudyDocument?> StudyAsync(IntakeItem item, CancellationToken cancellationToken) =>
        item.StudyKey is null ? null : (await _ingest.Catalog.GetStudyByKeyAsync(item.Institution, item.StudyKey, cancellationToken))?.Value;
}

/// <summary>The item after the decision, or why there was none.</summary>
public sealed record IntakeResult(IntakeItem? Item, IntakeRefusal? Refusal);

public enum IntakeRefusal
{
    NotFound,

    /// <summary>Someone has decided already, or is deciding.</summary>
    AlreadyDecided,

    /// <summary>This kind of item has no such decision.</summary>
    NotApplicable,

    /// <summary>The bytes still cannot be identified.</summary>
    StillUnidentified,

    /// <summary>Linking a quarantined file needs the study's UID.</summary>
    NeedsStudy,

    /// <summary>The institution has no such patient.</summary>
    NoSuchPatient,

    /// <summary>The content is archived. The decision is recorded, and carried out when the content is back.</summary>
    Archived,

    /// <summary>The study is on hold: nothing shown of it changes.</summary>
    OnHold,

    /// <summary>Not a refusal to the caller: the decision is recorded and the item stays open.</summary>
    StaysHeld,
}
