using Microsoft.Extensions.Options;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Carries out rejection notes (IHE RAD TF-2 4.66): what is rejected is hidden as by a deletion, with the note as its ground. For quality reasons the institution may
/// keep it in view beside the note; in every other case the note is hidden with what it rejects, so that it does not advertise it.
/// </summary>
public sealed class Rejections(ICatalog catalog, Deletions deletions, IOptions<LifecycleOptions> options, IAuditLog audit, TimeProvider time)
{
    /// <summary>Carries out the notes that a study has and that a hold has kept from it. Nothing happens while it is on hold.</summary>
    /// <param name="by">Account that released the hold.</param>
    public async Task ApplyWaitingAsync(StudyDocument study, string by, CancellationToken cancellationToken)
    {
        if (study.Hold || !await IsOpenAsync(study, cancellationToken)) return;
        foreach (var note in await deletions.NotesAsync(study, cancellationToken)) await ApplyAsync(study.Institution, note, by, cancellationToken);
    }

    /// <summary>Shown, also where everything in it is hidden by itself; or hidden as a whole by a deletion that can be taken back.</summary>
    private async ValueTask<bool> IsOpenAsync(StudyDocument study, CancellationToken cancellationToken) =>
        study is { Hidden: false, ProvisionalOf: null } || (study.Deletion is { } id && await deletions.GetAsync(study.Institution, id, cancellationToken) is { Value.Status: DeletionStatus.Hidden });

    /// <summary>Whether a note that has come again is hidden by its own deletion: then it was taken, and carried out.</summary>
    internal async ValueTask<bool> IsOwnAsync(string institution, RejectionNote note, InstanceIndexRow hidden, CancellationToken cancellationToken) =>
        hidden.ItemId is { } id && await deletions.GetAsync(institution, id, cancellationToken) is { Value: { Status: DeletionStatus.Hidden } record } && record.RejectionNote == note.SopInstanceUid;

    /// <summary>
    /// Applies a note once. False when a hold, or the institution's rule that even hiding waits for the end of retention, has kept some of it from being applied. What it names and is not here is refused when it comes.
    /// </summary>
    internal async Task<bool> ApplyAsync(string institution, RejectionNote note, string by, CancellationToken cancellationToken)
    {
        if (note.Reason == DeletionReason.Quality && options.Value.KeepsRejectedForQuality(institution)) return true;
        var applied = true;

        // Its own study first: from then on nothing that it names can arrive unseen, and whatever came before is found.
        foreach (var uid in note.Studies.Keys.Where(uid => uid != note.StudyInstanceUid).Prepend(note.StudyInstanceUid))
        {
            if (await catalog.GetStudyAsync(institution, uid, cancellationToken) is not { Value: var study } || !await IsOpenAsync(study, cancellationToken)) continue;
            if (await deletions.IsAppliedAsync(study, note, cancellationToken)) continue;
            var rejected = note.Studies.TryGetValue(uid, out var named) ? named : new HashSet<string>(StringComparer.Ordinal);
            var hides = note.Reason == DeletionReason.Quality || uid != note.StudyInstanceUid ? rejected : rejected.Append(note.SopInstanceUid).ToHashSet(StringComparer.Ordinal);
            var result = await deletions.RejectAsync(study, hides, note, by, cancellationToken);
            applied &= result.Outcome is not (DeletionOutcome.OnHold or DeletionOutcome.Retained);
            if (result.Record is not { } record) continue;
            await audit.AppendAsync(
                institution,
                new AuditEvent(
                    1, time.GetUtcNow(), null, institution, [], null, "deletion.reject", null, record.StudyKey, record.PatientKey, record.Id, null,
                    [$"reason:{record.Reason}", $"instances:{record.Instances}", $"refused:{record.Refused}"], null, "done"),
                cancellationToken);
        }

        return applied;
    }
}
