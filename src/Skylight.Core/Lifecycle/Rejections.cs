using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Carries out rejection notes (IHE RAD TF-2 4.66): what is rejected is hidden as by a deletion, with the note as its ground. For quality reasons the institution may
/// keep it in view beside the note; in every other case the note is hidden with what it rejects, so that it does not advertise it.
/// </summary>
public sealed class Rejections(ICatalog catalog, IDocuments documents, Deletions deletions, IOptions<LifecycleOptions> options, IAuditLog audit, TimeProvider time)
{
    /// <summary>Carries out the notes that a study has, and those of other studies, that a hold has kept from it. Nothing happens while it is on hold.</summary>
    /// <param name="by">Account that released the hold.</param>
    public async Task ApplyWaitingAsync(StudyDocument study, string by, CancellationToken cancellationToken)
    {
        if (study.Hold || !await IsOpenAsync(study, cancellationToken)) return;
        foreach (var note in await deletions.NotesAsync(study, cancellationToken)) await ApplyAsync(study.Institution, note, by, cancellationToken);
        foreach (var stored in await DocumentPages.AllAsync(next => documents.ListAsync<WaitingRejection>(study.Institution, WaitingRejection.Type, TermOf(study.StudyKey), 200, next, cancellationToken)))
        {
            if ((await catalog.GetStudyByKeyAsync(study.Institution, stored.Value.NoteStudyKey, cancellationToken))?.Value is { Erasing: null } other)
            {
                foreach (var note in (await deletions.NotesAsync(other, cancellationToken)).Where(note => note.Studies.ContainsKey(study.StudyInstanceUid)))
                    await ApplyAsync(study.Institution, note, by, cancellationToken);
            }

            await documents.DeleteAsync(new DocumentKey(study.Institution, WaitingRejection.Type, stored.Id), Match.Any, cancellationToken);
        }
    }

    /// <summary>Remembers, for the release of a study's hold, that a note of another study waits for it.</summary>
    private async Task WaitAsync(StudyDocument study, RejectionNote note, CancellationToken cancellationToken)
    {
        if ((await catalog.GetStudyAsync(study.Institution, note.StudyInstanceUid, cancellationToken))?.Value.StudyKey is not { } own || own == study.StudyKey) return;
        var id = $"{study.StudyKey}.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(note.SopInstanceUid)).AsSpan(0, 16))}";
        await documents.PutAsync(new DocumentKey(study.Institution, WaitingRejection.Type, id), new WaitingRejection(1, study.StudyKey, own), Match.Any, [TermOf(study.StudyKey)], cancellationToken);
    }

    private static string TermOf(string studyKey) => $"study:{studyKey}";

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
            if (result.Outcome == DeletionOutcome.OnHold) await WaitAsync(study, note, cancellationToken);
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

/// <summary>A note that waits for the release of a hold on another study than its own: a document of type <see cref="Type"/>, with keys, no UIDs.</summary>
public sealed record WaitingRejection(int V, string StudyKey, string NoteStudyKey)
{
    public const string Type = "rejection-waiting";
}
