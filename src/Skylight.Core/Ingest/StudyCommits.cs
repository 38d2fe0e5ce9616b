using Skylight.Archive.Series;

namespace Skylight.Core.Ingest;

/// <summary>
/// Commits study by study. Batches that want to change the same study while a commit of it is under way are committed together as soon as that is done:
/// so any number of senders of one study cost one write of its document at a time, and never conflict with each other. Senders in other processes still may.
/// Thread-safe.
/// </summary>
internal sealed class StudyCommits
{
    private const int MaxTogether = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Institution, string DocumentKey), Queue<WaitingCommit>> _busy = [];

    /// <summary>Completes when everything that the intake has pending is durable and reported to its batch.</summary>
    public async Task CommitAsync(IngestBatch batch, StudyIntake intake, CancellationToken cancellationToken)
    {
        // Once more for whoever turns out to belong to the provisional study, which has a document of its own.
        for (var waiting = new WaitingCommit(batch, intake); ; waiting = new WaitingCommit(batch, intake))
        {
            var key = (batch.Context.Institution, intake.DocumentKey);
            if (Enter(key, waiting)) await LeadAsync(key, waiting, cancellationToken);
            if (await waiting.Done.Task) return;
        }
    }

    /// <summary>True for the one who commits at once; the others wait in line.</summary>
    private bool Enter((string, string) key, WaitingCommit waiting)
    {
        lock (_lock)
        {
            if (_busy.TryGetValue(key, out var queue))
            {
                queue.Enqueue(waiting);
                return false;
            }

            _busy.Add(key, new Queue<WaitingCommit>());
            return true;
        }
    }

    private async Task LeadAsync((string, string) key, WaitingCommit first, CancellationToken cancellationToken)
    {
        await RunAsync([first], cancellationToken);
        if (Next(key) is { } next) _ = FollowAsync(key, next);
    }

    /// <summary>Commits whoever has come meanwhile; not on the first one's time.</summary>
    private async Task FollowAsync((string, string) key, List<WaitingCommit>? together)
    {
        await Task.Yield();
        for (; together is not null; together = Next(key)) await RunAsync(together, CancellationToken.None);
    }

    private List<WaitingCommit>? Next((string, string) key)
    {
        lock (_lock)
        {
            var queue = _busy[key];
            if (queue.Count == 0)
            {
                _busy.Remove(key);
                return null;
            }

            var together = new List<WaitingCommit>();
            for (var parts = 0; together.Count < MaxTogether && queue.TryPeek(out var waiting); together.Add(queue.Dequeue()))
            {
                // Each instance may be a part of its own, and a commit has so many places for parts.
                parts += waiting.Intake.Pending.Count;
                if (together.Count > 0 && parts > IndexEntry.MostPlaces) break;
            }

            return together;
        }
    }

    /// <summary>Never fails: the outcome is each one's own.</summary>
    private static async Task RunAsync(List<WaitingCommit> together, CancellationToken cancellationToken)
    {
        var service = together[0].Batch.Service;
        try
        {
            using var claim = await service.Claims.TakeAsync(together, cancellationToken);
            var elsewhere = await new StudyCommit(service, together).RunAsync(cancellationToken);
            foreach (var waiting in together) waiting.Done.SetResult(!elsewhere.Contains(waiting));
        }
        catch (Exception error)
        {
            foreach (var waiting in together) waiting.Done.TrySetException(error);
        }
    }
}

/// <summary>What one batch has for one study, waiting for its turn.</summary>
internal sealed class WaitingCommit(IngestBatch batch, StudyIntake intake)
{
    public IngestBatch Batch => batch;

    public StudyIntake Intake => intake;

    /// <summary>True when it is done, false when it belongs to another document and has to queue there.</summary>
    public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
