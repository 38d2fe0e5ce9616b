using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// The release of a hold, and what waited for it: rejection notes that the study has. A document says so before the hold is released, and goes when they are carried out, so that a host
/// that is killed between the two leaves word of it.
/// </summary>
public sealed class HoldReleases(ICatalog catalog, IDocuments documents, StudyHolds holds, Rejections rejections, TimeProvider time)
{
    /// <summary>Releases a hold. Null when there is no such study; no hold when it has none of that id in force. To be followed by <see cref="ApplyWaitingAsync"/>.</summary>
    /// <param name="by">Account.</param>
    public async Task<(StudyDocument Study, StudyHold? Hold)?> ReleaseAsync(string institution, string studyKey, string holdId, string by, CancellationToken cancellationToken)
    {
        var known = (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value;
        if (known?.Holds.Any(hold => hold.Id == holdId && hold.ReleasedAt is null) != true) return known is null ? null : (known, null);
        await documents.PutAsync(Key(institution, studyKey, holdId), new HoldRelease(1, institution, studyKey, holdId, by, time.GetUtcNow()), Match.Any, [], cancellationToken);
        return await holds.ReleaseAsync(institution, studyKey, holdId, by, cancellationToken);
    }

    /// <summary>Carries out the rejection notes of a study that its hold has kept from it, if that was the last one. Safe to repeat.</summary>
    /// <param name="by">Account that released the hold.</param>
    public async Task ApplyWaitingAsync(StudyDocument study, string holdId, string by, CancellationToken cancellationToken)
    {
        await rejections.ApplyWaitingAsync(study, by, cancellationToken);
        await documents.DeleteAsync(Key(study.Institution, study.StudyKey, holdId), Match.Any, cancellationToken);
    }

    /// <summary>One page of releases whose notes are not carried out.</summary>
    internal ValueTask<DocumentPage<HoldRelease>> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<HoldRelease>(institution, HoldRelease.Type, null, limit, continuation, cancellationToken);

    /// <summary>Goes on with a release that was broken off. Where it had not released its hold, somebody still has to.</summary>
    internal async Task FinishAsync(Stored<HoldRelease> stored, CancellationToken cancellationToken)
    {
        var release = stored.Value;
        if ((await catalog.GetStudyByKeyAsync(release.Institution, release.StudyKey, cancellationToken))?.Value is { } study)
            await ApplyWaitingAsync(study, release.HoldId, release.By, cancellationToken);
        else
            await documents.DeleteAsync(Key(release.Institution, release.StudyKey, release.HoldId), Match.Any, cancellationToken);
    }

    private static DocumentKey Key(string institution, string studyKey, string holdId) => new(institution, HoldRelease.Type, $"{studyKey}.{holdId}");
}

/// <summary>A hold that is being released: a document of type <see cref="Type"/>, gone when the notes that waited for it are carried out.</summary>
public sealed record HoldRelease(int V, string Institution, string StudyKey, string HoldId, string By, DateTimeOffset At)
{
    public const string Type = "hold-release";
}
