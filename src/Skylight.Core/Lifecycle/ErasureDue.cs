using Microsoft.Extensions.Logging;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;

namespace Skylight.Core.Lifecycle;

/// <summary>Starts the run of an approved erasure unless it runs already.</summary>
public delegate ValueTask StartErasure(ErasureRecord erasure, CancellationToken cancellationToken);

/// <summary>
/// What the timer does: asks for the erasure of what was deleted long enough ago and need not be kept any more, and sees to it that every approved erasure runs.
/// Safe to call at any time, by any number.
/// </summary>
public sealed class ErasureDue(ICatalog catalog, Deletions deletions, ErasureRequests requests, InstitutionDirectory institutions, TimeProvider time, ILogger<ErasureDue> logger)
{
    private const int Page = 200;

    /// <summary>A deletion's record is written before what it says: one that is newer may not have hidden anything yet, however short the delay is.</summary>
    private static readonly TimeSpan s_age = TimeSpan.FromMinutes(5);

    /// <summary>One round over all institutions. Answers how many erasures it found to be due.</summary>
    public async Task<int> RunAsync(StartErasure start, CancellationToken cancellationToken)
    {
        var due = 0;
        await foreach (var institution in institutions.CodesAsync(cancellationToken)) due += await RunAsync(institution, start, cancellationToken);
        return due;
    }

    private async Task<int> RunAsync(string institution, StartErasure start, CancellationToken cancellationToken)
    {
        var due = 0;
        foreach (var stored in await DocumentPages.AllAsync(next => deletions.ListAsync(institution, DeletionStatus.Hidden, Page, next, cancellationToken)))
        {
            if (!IsDue(stored.Value)) continue;
            try
            {
                if (await AskAsync(stored, cancellationToken)) due++;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // One that cannot be asked for must not keep the others waiting; the next round tries again.
                Log.ErasureNotAsked(logger, institution, stored.Id, error);
            }
        }

        foreach (var stored in await DocumentPages.AllAsync(next => deletions.ListAsync(institution, DeletionStatus.Covered, Page, next, cancellationToken)))
        {
            if (!IsDue(stored.Value)) continue;
            try
            {
                await deletions.SettleAsync(stored, cancellationToken);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // One that cannot be read must not keep the others waiting; the next round tries again.
                Log.DeletionNotSettled(logger, institution, stored.Id, error);
            }
        }

        foreach (var stored in await DocumentPages.AllAsync(next => requests.ListAsync(institution, ErasureStatus.Running, Page, next, cancellationToken)))
        {
            try
            {
                await start(stored.Value, cancellationToken);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // One that cannot be started must not keep the others waiting; the next round tries again.
                Log.ErasureNotStarted(logger, institution, stored.Id, error);
            }
        }

        return due;
    }

    private bool IsDue(DeletionRecord deletion) => deletion.EraseAfter <= time.GetUtcNow() && deletion.At <= time.GetUtcNow() - s_age;

    private async Task<bool> AskAsync(Stored<DeletionRecord> stored, CancellationToken cancellationToken)
    {
        if (!await StandsAsync(stored, cancellationToken)) return false;
        var deletion = stored.Value;
        var result = await requests.RequestAsync(
            deletion.Institution, deletion.StudyKey, ErasureBasis.RetentionExpired, null, deletion.By, bySubject: false, deletion, cancellationToken);
        return result.Erasure is { Status: ErasureStatus.Running };
    }

    /// <summary>False when it hides nothing, or what it hid has come back another way (a technician took it in again), or is gone: the record follows.</summary>
    private async Task<bool> StandsAsync(Stored<DeletionRecord> stored, CancellationToken cancellationToken)
    {
        var deletion = stored.Value;
        var study = (await catalog.GetStudyByKeyAsync(deletion.Institution, deletion.StudyKey, cancellationToken))?.Value;
        if (study is not null && (deletion.Level != DeletionLevel.Study || study.Deletion == deletion.Id))

        {
            if (deletion is not { Level: DeletionLevel.Instances, Instances: 0, Refused: 0 } || (await deletions.HiddenByAsync(study, deletion.Id, cancellationToken)).Count > 0) return true;

            // A note about what another deletion hides has nothing of its own to erase; an earlier version called that hidden.
            await deletions.TryPutAsync(stored, deletion with { Status = DeletionStatus.Covered }, cancellationToken);
            return false;
        }

        await deletions.TryPutAsync(stored, study is null ? ErasureTraces.Stripped(deletion) with { Status = DeletionStatus.Erased, EndedAt = time.GetUtcNow() } : deletion with { Status = DeletionStatus.Restored, EndedAt = time.GetUtcNow() }, cancellationToken);
        return false;
    }
}
