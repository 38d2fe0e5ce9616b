using System.Security.Cryptography;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>Sets and releases holds, and records the encounter that retention counts from. Each is one commit of the study document.</summary>
public sealed class StudyHolds(ICatalog catalog, ICommit commit, TimeProvider time)
{
    private const int MaxHolds = 20;
    private const int MaxAttempts = 20;

    /// <summary>
    /// Puts a hold on a study, hidden or not. Null when there is no such study; no hold when it has as many as it can have, or when its erasure destroys it already
    /// (<see cref="StudyDocument.Erasing"/>).
    /// </summary>
    /// <param name="id">Of a request that may be repeated: the hold that it set the first time is answered. Null for one of its own.</param>
    public Task<(StudyDocument Study, StudyHold? Hold)?> SetAsync(string institution, string studyKey, HoldKind kind, string reference, string by, string? id, CancellationToken cancellationToken)
    {
        var hold = new StudyHold(id ?? RandomNumberGenerator.GetHexString(32, lowercase: true), kind, reference, by, time.GetUtcNow());
        return ChangeAsync(
            institution,
            studyKey,
            study =>
            {
                if (study.Holds.FirstOrDefault(item => item.Id == hold.Id) is { } known) return (null, known);
                if (study.Erasing is not null) return (null, null);

                // Released ones are history: the oldest makes room.
                var holds = study.Holds.ToList();
                if (holds.Count >= MaxHolds && holds.Find(item => item.ReleasedAt is not null) is { } oldest) holds.Remove(oldest);
                return holds.Count >= MaxHolds ? (null, null) : (study with { Hold = true, Holds = [.. holds, hold] }, hold);
            },
            cancellationToken);
    }

    /// <summary>Releases a hold. Null when there is no such study; no hold when it has none of that id in force.</summary>
    public Task<(StudyDocument Study, StudyHold? Hold)?> ReleaseAsync(string institution, string studyKey, string holdId, string by, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return ChangeAsync(
            institution,
            studyKey,
            study =>
            {
                if (study.Holds.FirstOrDefault(item => item.Id == holdId && item.ReleasedAt is null) is not { } hold) return (null, null);
                var released = hold with { ReleasedBy = by, ReleasedAt = now };
                IReadOnlyList<StudyHold> holds = [.. study.Holds.Select(item => item.Id == holdId ? released : item)];
                return (study with { Hold = holds.Any(item => item.ReleasedAt is null), Holds = holds }, released);
            },
            cancellationToken);
    }

    /// <summary>Records what encounter a study belongs to. Null when there is no such study.</summary>
    public async Task<StudyDocument?> SetEncounterAsync(string institution, string studyKey, EncounterKind kind, DateOnly? lastVisit, CancellationToken cancellationToken)
    {
        var changed = await ChangeAsync<object>(
            institution,
            studyKey,
            study =>
            {
                var order = study.Order ?? new OrderReference(study.Attributes.AccessionNumber ?? "", study.Attributes.IssuerOfAccession, kind, lastVisit);
                return (study with { Order = order with { Kind = kind, LastVisit = lastVisit ?? order.LastVisit } }, null);
            },
            cancellationToken);
        return changed?.Study;
    }

    private async Task<(StudyDocument Study, T? Result)?> ChangeAsync<T>(
        string institution, string studyKey, Func<StudyDocument, (StudyDocument? Next, T? Result)> change, CancellationToken cancellationToken) where T : class
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { Value: var study }) return null;
            var (next, result) = change(study);
            if (next is null) return (study, result);
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, next), []), cancellationToken) == CommitOutcome.Committed) return (next, result);
        }

        throw new DocumentConflictException(new DocumentKey(institution, "study", ""));
    }
}
