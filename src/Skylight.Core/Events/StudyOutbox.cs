using System.Text.Json;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Events;

/// <summary>
/// Publishes what waits in study documents and then clears it there. A crash between the two publishes again: at least once, never lost.
/// </summary>
public sealed class StudyOutbox(ICatalog catalog, ICommit commit, IEventPublisher publisher, TimeProvider time)
{
    private const int Page = 100;

    /// <summary>Publishes everything that waits; answers the number of events. Called by a timer; safe to call at any time, by any number.</summary>
    public async Task<int> PublishAsync(CancellationToken cancellationToken)
    {
        var published = 0;
        while (true)
        {
            var due = await catalog.ListDueAsync(StudyDue.Events, time.GetUtcNow(), Page, cancellationToken);
            var before = published;
            foreach (var reference in due) published += await PublishAsync(reference, cancellationToken);
            if (published == before) return published;
        }
    }

    private async Task<int> PublishAsync(StudyReference reference, CancellationToken cancellationToken)
    {
        var study = (await catalog.GetStudyByKeyAsync(reference.Institution, reference.StudyKey, cancellationToken))?.Value;
        if (study is null || study.Outbox.Count == 0) return 0;
        var sent = study.Outbox;
        await publisher.PublishAsync([.. sent.Select(item => Envelope(study, item))], cancellationToken);
        var ids = sent.Select(item => item.Id).ToHashSet(StringComparer.Ordinal);
        while (study is not null && study.Outbox.Any(item => ids.Contains(item.Id)))
        {
            var cleared = study with { Outbox = [.. study.Outbox.Where(item => !ids.Contains(item.Id))] };
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, cleared), []), cancellationToken) == CommitOutcome.Committed) break;
            study = (await catalog.GetStudyByKeyAsync(reference.Institution, reference.StudyKey, cancellationToken))?.Value;
        }

        return sent.Count;
    }

    private static SkylightEvent Envelope(StudyDocument study, StudyEvent item) => new(
        item.Id,
        $"/institutions/{study.Institution}",
        item.Type,
        $"studies/{study.StudyKey}",
        item.At,
        JsonSerializer.SerializeToElement(new StudyEventData(1, study.StudyKey, item.Revision, item.Instances), DocumentJson.Options));

    private sealed record StudyEventData(int V, string StudyKey, long Revision, int Instances);
}
