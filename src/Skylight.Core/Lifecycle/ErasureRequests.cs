using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Keys;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>Why an erasure is refused.</summary>
public enum ErasureRefusal
{
    Missing,

    OnHold,

    /// <summary>It must still be kept.</summary>
    Retained,

    /// <summary>Decided already, or there is nothing to decide.</summary>
    Decided,

    /// <summary>Whoever asked for it cannot approve it.</summary>
    SamePerson,

    /// <summary>Somebody has brought it back since it was asked for.</summary>
    BroughtBack,
}

/// <param name="Erasure">The record, also when it was there before.</param>
public sealed record ErasureResult(ErasureRecord? Erasure, ErasureRefusal? Refusal = null, RetentionVerdict? Retention = null, StudyHold? Hold = null);

/// <summary>Requests for erasure and the decisions about them. Holds and retention decide first, when it is asked for and again when it is approved.</summary>
public sealed class ErasureRequests(ICatalog catalog, IDocuments documents, StudyKeys keys, Retention retention, TimeProvider time)
{
    /// <summary>The level from which destruction takes two persons.</summary>
    private const int DualControlLevel = 5;

    /// <summary>Asks for the erasure of a whole study. The same study has one open request at a time.</summary>
    /// <param name="bySubject">The person it is about asks: medical records decide.</param>
    public async Task<ErasureResult> RequestAsync(
        string institution, string studyKey, ErasureBasis basis, string? reference, string by, bool bySubject, DeletionRecord? deletion, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var study }) return new(null, ErasureRefusal.Missing);
        var (refusal, verdict) = await ForbidsAsync(study, basis, cancellationToken);
        if (refusal is not null) return refusal;
        var approval = bySubject || study.Level >= DualControlLevel || study.HoldsUnknownSince is not null || !verdict.IsOver(time.GetUtcNow());
        var now = time.GetUtcNow();
        var erasure = new ErasureRecord
        {
            Institution = institution,
            Id = "",
            StudyKey = studyKey,
            PatientKey = study.PatientKey,
            DeletionId = deletion?.Id ?? study.Deletion,
            Level = deletion?.Level ?? DeletionLevel.Study,
            Basis = basis,
            Reference = reference,
            Status = approval ? ErasureStatus.Requested : ErasureStatus.Running,
            RequestedBy = by,
            RequestedAt = now,
            NeedsApproval = approval,
            StudyCreatedAt = study.CreatedAt,
            KnownKeys = await keys.IdsAsync(institution, studyKey, cancellationToken),
            StudyInstanceUid = study.StudyInstanceUid,
        };
        var (open, asked) = await OpenAsync(erasure, cancellationToken);
        return asked ? new(open, Retention: verdict) : new(open);
    }

    /// <summary>Approves a request: from now on it runs.</summary>
    public Task<ErasureResult> ApproveAsync(string institution, string id, string by, CancellationToken cancellationToken) => DecideAsync(institution, id, by, ErasureStatus.Running, cancellationToken);

    /// <summary>Refuses a request.</summary>
    public Task<ErasureResult> RefuseAsync(string institution, string id, string by, CancellationToken cancellationToken) => DecideAsync(institution, id, by, ErasureStatus.Refused, cancellationToken);

    /// <summary>One page of erasures with this status.</summary>
    public ValueTask<DocumentPage<ErasureRecord>> ListAsync(string institution, ErasureStatus status, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, $"status:{status}", limit, continuation, cancellationToken);

    /// <summary>Whether a study's erasure has come to where its key is destroyed, and not to its end: what cannot be read of it any more is no damage.</summary>
    internal static async ValueTask<bool> IsDestroyingAsync(IDocuments documents, StudyDocument study, CancellationToken cancellationToken) =>
        study.Hidden && await AnyAsync(
            documents, study.Institution, study.StudyKey,
            erasure => erasure is { Status: ErasureStatus.Running, Level: DeletionLevel.Study, Destroying: true } && erasure.IsOf(study, []), cancellationToken);

    /// <summary>Whether an erasure of a study, or of something in it, is under way: nothing of it may be written again.</summary>
    internal static ValueTask<bool> IsRunningAsync(IDocuments documents, string institution, string studyKey, CancellationToken cancellationToken) =>
        AnyAsync(documents, institution, studyKey, static erasure => erasure.Status == ErasureStatus.Running, cancellationToken);

    private static async ValueTask<bool> AnyAsync(IDocuments documents, string institution, string studyKey, Func<ErasureRecord, bool> which, CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, $"study:{studyKey}", 200, continuation, cancellationToken);
            if (page.Items.Any(item => which(item.Value))) return true;
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return false;
    }

    internal static string[] Terms(ErasureRecord erasure) => erasure is { Status: ErasureStatus.Erased, BytesGoneBy: not null, BytesGoneAt: null }
        ? [$"status:{erasure.Status}", $"study:{erasure.StudyKey}", ErasedBytes.Term]
        : [$"status:{erasure.Status}", $"study:{erasure.StudyKey}"];

    private async Task<ErasureResult> DecideAsync(string institution, string id, string by, ErasureStatus status, CancellationToken cancellationToken)
    {
        if (await documents.GetAsync<ErasureRecord>(Key(institution, id), cancellationToken) is not { } stored) return new(null, ErasureRefusal.Missing);
        var erasure = stored.Value;
        if (erasure.Status != ErasureStatus.Requested) return new(erasure, ErasureRefusal.Decided);
        if (status == ErasureStatus.Running)
        {
            if (erasure.RequestedBy == by) return new(erasure, ErasureRefusal.SamePerson);
            if (await catalog.GetStudyByKeyAsync(institution, erasure.StudyKey, cancellationToken) is not { Value: var study } || !erasure.IsOf(study, await keys.IdsAsync(institution, erasure.StudyKey, cancellationToken)))
                return new(erasure, ErasureRefusal.Missing);
            if ((await ForbidsAsync(study, erasure.Basis, cancellationToken)).Refusal is { } refusal) return refusal with { Erasure = erasure };
        }

        var next = erasure with { Status = status, DecidedBy = by, DecidedAt = time.GetUtcNow() };
        try
        {
            await documents.PutAsync(Key(institution, id), next, Match.Version(stored.ETag), Terms(next), cancellationToken);
            return new(next);
        }
        catch (DocumentConflictException)
        {
            return new(erasure, ErasureRefusal.Decided);
        }
    }

    /// <summary>What was never a record of the institution, or what a court orders gone, does not wait for the end of retention; two persons answer for it then.</summary>
    internal async ValueTask<(ErasureResult? Refusal, RetentionVerdict Verdict)> ForbidsAsync(StudyDocument study, ErasureBasis basis, CancellationToken cancellationToken)
    {
        var verdict = await retention.OfAsync(study, cancellationToken);
        if (Deletions.ForbiddenBy(study) is { } hold) return (new(null, ErasureRefusal.OnHold, Hold: hold), verdict);
        var waits = basis is ErasureBasis.RetentionExpired or ErasureBasis.SubjectRequest && !verdict.IsOver(time.GetUtcNow());
        return (waits ? new(null, ErasureRefusal.Retained, verdict) : null, verdict);
    }

    /// <summary>
    /// The open request of the study; without one, <paramref name="asked"/> under the first id of the study that is free. Of two that ask at the same moment and find nothing open, both come
    /// to the same id, and the store takes one of them.
    /// </summary>
    private async Task<(ErasureRecord Erasure, bool Asked)> OpenAsync(ErasureRecord asked, CancellationToken cancellationToken)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<ErasureRecord>(asked.Institution, ErasureRecord.Type, $"study:{asked.StudyKey}", 200, continuation, cancellationToken);
            if (page.Items.Select(item => item.Value).FirstOrDefault(IsOpen) is { } open) return (open, false);
            known.UnionWith(page.Items.Select(item => item.Id));
            continuation = page.Continuation;
        }
        while (continuation is not null);

        for (var number = 0; ; number++)
        {
            var erasure = asked with { Id = IdOf(asked, number) };
            if (known.Contains(erasure.Id)) continue;
            try
            {
                await documents.PutAsync(Key(erasure.Institution, erasure.Id), erasure, Match.None, Terms(erasure), cancellationToken);
                return (erasure, true);
            }
            catch (DocumentConflictException)
            {
                if (await documents.GetAsync<ErasureRecord>(Key(erasure.Institution, erasure.Id), cancellationToken) is { Value: var other } && IsOpen(other)) return (other, false);
            }
        }
    }

    private static bool IsOpen(ErasureRecord erasure) => erasure.Status is ErasureStatus.Requested or ErasureStatus.Running;

    private static string IdOf(ErasureRecord erasure, int number) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{erasure.Institution}\n{erasure.StudyKey}\n{erasure.StudyCreatedAt.UtcTicks}\n{number}")).AsSpan(0, 16));

    private static DocumentKey Key(string institution, string id) => new(institution, ErasureRecord.Type, id);
}
