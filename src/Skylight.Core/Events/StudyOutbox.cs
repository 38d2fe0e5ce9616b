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
    private const int Together = 25;

    /// <summary>Publishes everything that waits; answers the number of events. Called by a timer; safe to call at any time, by any number.</summary>
    public async Task<int> PublishAsync(CancellationToken cancellationToken)
    {
        var published = 0;
        while (true)
        {
            var due = await catalog.ListDueAsync(StudyDue.Events, time.GetUtcNow(), Page, cancellationToken);
            var before = published;
            foreach (var together in due.Chunk(Together)) published += await PublishAsync(together, cancellationToken);
            if (published == before) return published;
        }
    }

    /// <summary>Publishes what waits in one study: its document is about to go.</summary>
    public Task PublishAsync(StudyDocument study, CancellationToken cancellationToken) => PublishAsync([new StudyReference(study.Institution, study.StudyKey)], cancellationToken);

    /// <summary>
    /// The events of several studies go out together, and the studies are written at the same time: on the edge they share a transaction of the queues and a write
    /// of the journal. A crash in between publishes all of them again.
    /// </summary>
    private async Task<int> PublishAsync(StudyReference[] references, CancellationToken cancellationToken)
    {
        var studies = new List<StudyDocument>(references.Length);
        foreach (var reference in references)
            if (await StudyAsync(reference.Institution, reference.StudyKey, cancellationToken) is { Outbox.Count: > 0 } study) studies.Add(study);
        if (studies.Count == 0) return 0;
        await publisher.PublishAsync([.. studies.SelectMany(study => study.Outbox.Select(item => Envelope(study, item)))], cancellationToken);
        await Task.WhenAll(studies.Select(study => ClearAsync(study, cancellationToken)).ToArray());
        return studies.Sum(study => study.Outbox.Count);
    }

    private async Task ClearAsync(StudyDocument sent, CancellationToken cancellationToken)
    {
        var ids = sent.Outbox.Select(item => item.Id).ToHashSet(StringComparer.Ordinal);
        for (var study = sent; study is not null && study.Outbox.Any(item => ids.Contains(item.Id)); study = await StudyAsync(sent.Institution, sent.StudyKey, cancellationToken))
        {
            var cleared = study with { Outbox = [.. study.Outbox.Where(item => !ids.Contains(item.Id))] };
            if (await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, cleared), []), cancellationToken) == CommitOutcome.Committed) return;
        }
    }

    private async ValueTask<StudyDocument?> StudyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value;

    private static SkylightEvent Envelope(StudyDocument study, StudyEvent item) => new(
        item.Id,
        $"/institutions/{study.Institution}",
        item.Type,
        $"studies/{study.StudyKey}",
        item.At,
        JsonSerializer.SerializeToElement(new StudyEventData(1, study.StudyKey, item.Revision, item.Instances), DocumentJson.Options));

    private sealed record StudyEventData(int V, string StudyKey, long Revision, int Instances);
}
