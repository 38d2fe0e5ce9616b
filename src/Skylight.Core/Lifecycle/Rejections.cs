using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Carries out rejection notes (IHE RAD TF-2 4.66): what is rejected is hidden as by a deletion, with the note as its ground. For quality reasons the institution may
/// keep it in view beside the note; in every other case the note is hidden with what it rejects, so that it does not advertise it.
/// </summary>
public sealed class Rejections(
    ICatalog catalog, IDocuments documents, Deletions deletions, InstitutionSecrets secrets, IOptions<LifecycleOptions> options, IAuditLog audit, TimeProvider time)
{
    private readonly RetainedRejections _retained = new(documents, secrets, time);

    /// <summary>Carries out the notes that a study has, and those of other studies, that a hold has kept from it. Nothing happens while it is on hold.</summary>
    /// <param name="by">Account that released the hold.</param>
    public async Task ApplyWaitingAsync(StudyDocument study, string by, CancellationToken cancellationToken)
    {
        if (study.Hold || !await IsOpenAsync(study, cancellationToken)) return;
        foreach (var note in await deletions.NotesAsync(study, cancellationToken)) await ApplyAsync(study.Institution, note, by, "hold", cancellationToken);
        foreach (var stored in await DocumentPages.AllAsync(next => documents.ListAsync<WaitingRejection>(study.Institution, WaitingRejection.Type, TermOf(study.StudyKey), 200, next, cancellationToken)))
        {
            if ((await catalog.GetStudyByKeyAsync(study.Institution, stored.Value.NoteStudyKey, cancellationToken))?.Value is { Erasing: null } other)
            {
                foreach (var note in (await deletions.NotesAsync(other, cancellationToken)).Where(note => note.Studies.ContainsKey(study.StudyInstanceUid)))
                    await ApplyAsync(study.Institution, note, by, "hold", cancellationToken);
            }

            await documents.DeleteAsync(new DocumentKey(study.Institution, WaitingRejection.Type, stored.Id), Match.Any, cancellationToken);
        }
    }

    /// <summary>Notes that wait for the end of a study's retention and are to be looked at again: the first of them, as many as a round takes.</summary>
    internal ValueTask<IReadOnlyList<Stored<RetainedRejection>>> ListRetainedAsync(string institution, CancellationToken cancellationToken) => _retained.ListDueAsync(institution, cancellationToken);

    /// <summary>Carries out a note that has waited for the end of a study's retention. Where that is not over yet, or the study is on hold or hidden, it goes on waiting. Safe to repeat.</summary>
    internal async Task ApplyRetainedAsync(string institution, Stored<RetainedRejection> stored, CancellationToken cancellationToken)
    {
        // First of all: one that cannot be carried out, or that a host dies of, must not stand before the others in every round.
        var waiting = stored.Value;
        await _retained.PutOffAsync(institution, waiting, null, cancellationToken);
        var study = (await catalog.GetStudyByKeyAsync(institution, waiting.StudyKey, cancellationToken))?.Value;
        var own = waiting.NoteStudyKey == waiting.StudyKey ? study : (await catalog.GetStudyByKeyAsync(institution, waiting.NoteStudyKey, cancellationToken))?.Value;
        var note = study is not null && own is { Erasing: null } ? await _retained.FindAsync(waiting, institution, await deletions.NotesAsync(own, cancellationToken), cancellationToken) : null;
        if (note is null || IsKeptInView(institution, note))
        {
            await _retained.ForgetAsync(institution, waiting, cancellationToken);
            return;
        }

        if (await IsOpenAsync(study!, cancellationToken) && await ApplyAsync(study!, note, waiting.By, "retention", cancellationToken)) await _retained.ForgetAsync(institution, waiting, cancellationToken);
    }

    private bool IsKeptInView(string institution, RejectionNote note) => note.Reason == DeletionReason.Quality && options.Value.KeepsRejectedForQuality(institution);

    private async ValueTask<string?> StudyKeyOfAsync(StudyDocument study, RejectionNote note, CancellationToken cancellationToken) =>
        note.StudyInstanceUid == study.StudyInstanceUid ? study.StudyKey : (await catalog.GetStudyAsync(study.Institution, note.StudyInstanceUid, cancellationToken))?.Value.StudyKey;

    /// <summary>Remembers, for the release of a study's hold, that a note of another study waits for it.</summary>
    private async Task WaitForReleaseAsync(StudyDocument study, RejectionNote note, CancellationToken cancellationToken)
    {
        if (await StudyKeyOfAsync(study, note, cancellationToken) is not { } own || own == study.StudyKey) return;
        var id = $"{study.StudyKey}.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(note.SopInstanceUid)).AsSpan(0, 16))}";
        await documents.PutAsync(new DocumentKey(study.Institution, WaitingRejection.Type, id), new WaitingRejection(1, study.StudyKey, own), Match.Any, [TermOf(study.StudyKey)], cancellationToken);
    }

    /// <summary>Remembers, for the timer, that a note waits for the end of a study's retention.</summary>
    private async Task WaitForRetentionAsync(StudyDocument study, RejectionNote note, string by, RetentionVerdict verdict, CancellationToken cancellationToken)
    {
        if (await StudyKeyOfAsync(study, note, cancellationToken) is { } own) await _retained.WaitAsync(study, own, note, by, verdict.Until, cancellationToken);
    }

    private static string TermOf(string studyKey) => $"study:{studyKey}";

    /// <summary>Shown, also where everything in it is hidden by itself; or hidden as a whole by a deletion that can be taken back.</summary>
    private async ValueTask<bool> IsOpenAsync(StudyDocument study, CancellationToken cancellationToken) =>
        study is { Hidden: false, ProvisionalOf: null } || (study.Deletion is { } id && await deletions.GetAsync(study.Institution, id, cancellationToken) is { Value.Status: DeletionStatus.Hidden });

    /// <summary>Whether a note that has come again is hidden by its own deletion: then it was taken, and carried out.</summary>
    internal async ValueTask<bool> IsOwnAsync(string institution, RejectionNote note, InstanceIndexRow hidden, CancellationToken cancellationToken) =>
        hidden.ItemId is { } id && await deletions.GetAsync(institution, id, cancellationToken) is { Value: { Status: DeletionStatus.Hidden or DeletionStatus.Covered } record } && record.RejectionNote == note.SopInstanceUid;

    /// <summary>
    /// Applies a note once. False when a hold, or the institution's rule that even hiding waits for the end of retention, has kept some of it from being applied: then it waits for that.
    /// What it names and is not here is refused when it comes.
    /// </summary>
    internal Task<bool> ApplyAsync(string institution, RejectionNote note, string by, CancellationToken cancellationToken) => ApplyAsync(institution, note, by, null, cancellationToken);

    /// <param name="waitedFor">What has kept it from being applied when it came; null when nothing has.</param>
    private async Task<bool> ApplyAsync(string institution, RejectionNote note, string by, string? waitedFor, CancellationToken cancellationToken)
    {
        if (IsKeptInView(institution, note)) return true;
        var applied = true;

        // Its own study first: from then on nothing that it names can arrive unseen, and whatever came before is found.
        foreach (var uid in note.Studies.Keys.Where(uid => uid != note.StudyInstanceUid).Prepend(note.StudyInstanceUid))
        {
            if (await catalog.GetStudyAsync(institution, uid, cancellationToken) is not { Value: var study } || !await IsOpenAsync(study, cancellationToken)) continue;
            applied &= await ApplyAsync(study, note, by, waitedFor, cancellationToken);
        }

        return applied;
    }

    /// <summary>Applies a note to one of its studies. True when it is applied there, now or before.</summary>
    private async Task<bool> ApplyAsync(StudyDocument study, RejectionNote note, string by, string? waitedFor, CancellationToken cancellationToken)
    {
        if (await deletions.IsAppliedAsync(study, note, cancellationToken)) return true;
        var (institution, uid) = (study.Institution, study.StudyInstanceUid);
        var rejected = note.Studies.TryGetValue(uid, out var named) ? named : new HashSet<string>(StringComparer.Ordinal);
        var hides = note.Reason == DeletionReason.Quality || uid != note.StudyInstanceUid ? rejected : rejected.Append(note.SopInstanceUid).ToHashSet(StringComparer.Ordinal);
        var result = await deletions.RejectAsync(study, hides, note, by, cancellationToken);
        if (result.Outcome == DeletionOutcome.OnHold) await WaitForReleaseAsync(study, note, cancellationToken);
        if (result.Outcome == DeletionOutcome.Retained) await WaitForRetentionAsync(study, note, by, result.Retention!, cancellationToken);
        if (result.Record is { } record)
        {
            string[] detail = [$"reason:{record.Reason}", $"instances:{record.Instances}", $"refused:{record.Refused}", $"note:{await _retained.KeyAsync(institution, note, cancellationToken)}"];
            await audit.AppendAsync(
                institution,
                new AuditEvent(
                    1, time.GetUtcNow(), null, institution, [], null, "deletion.reject", null, record.StudyKey, record.PatientKey, record.Id, null,
                    waitedFor is null ? detail : [.. detail, $"waitedFor:{waitedFor}"], null, "done"),
                cancellationToken);
        }

        return result.Outcome is not (DeletionOutcome.OnHold or DeletionOutcome.Retained);
    }
}

/// <summary>A note that waits for the release of a hold on another study than its own: a document of type <see cref="Type"/>, with keys, no UIDs.</summary>
public sealed record WaitingRejection(int V, string StudyKey, string NoteStudyKey)
{
    public const string Type = "rejection-waiting";
}
