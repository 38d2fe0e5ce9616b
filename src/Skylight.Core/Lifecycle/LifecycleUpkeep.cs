using Microsoft.Extensions.Logging;
using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle.Corrections;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Ends what a killed host has left half done although somebody had decided it: what was on its way back into view, corrections that were approved, rejection notes that the
/// release of a hold was about to carry out. And does what has waited for its day: rejection notes for the end of a study's retention, the trail's word of erased instances for the end
/// of their bytes. Safe to call at any time, by any number.
/// </summary>
public sealed class LifecycleUpkeep(
    Deletions deletions, CorrectionService corrections, HoldReleases releases, Rejections rejections, ErasedBytes bytes, InstitutionDirectory institutions, IAuditLog audit, TimeProvider time, ILogger<LifecycleUpkeep> logger)
{
    private const int Page = 200;

    /// <summary>What was decided more recently may still be under way.</summary>
    private static readonly TimeSpan s_age = TimeSpan.FromMinutes(5);

    /// <summary>One round over all institutions. What fails is logged and tried again in the next round.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var institution in institutions.CodesAsync(cancellationToken))
        {
            foreach (var stored in await DocumentPages.AllAsync(next => deletions.ListAsync(institution, DeletionStatus.Restoring, Page, next, cancellationToken)))
                await TryAsync("deletion", institution, stored, stored.Value.EndedAt, () => deletions.RestoreAsync(institution, stored.Id, stored.Value.EndedBy ?? stored.Value.By, cancellationToken));
            foreach (var stored in await DocumentPages.AllAsync(next => corrections.ListAsync(institution, null, CorrectionStatus.Approved, Page, next, cancellationToken)))
                await TryAsync("correction", institution, stored, stored.Value.DecidedAt, () => FinishAsync(stored, cancellationToken));
            foreach (var stored in await DocumentPages.AllAsync(next => releases.ListAsync(institution, Page, next, cancellationToken)))
                await TryAsync("hold release", institution, stored, stored.Value.At, () => releases.FinishAsync(stored, cancellationToken));
            foreach (var stored in await rejections.ListRetainedAsync(institution, cancellationToken))
                await TryAsync("rejection note", institution, stored, null, () => rejections.ApplyRetainedAsync(institution, stored, cancellationToken));
            foreach (var stored in await DocumentPages.AllAsync(next => bytes.ListAsync(institution, Page, next, cancellationToken)))
                await TryAsync("erased bytes", institution, stored, stored.Value.At, () => bytes.FinishAsync(stored, cancellationToken));
        }
    }

    private async Task TryAsync<T>(string kind, string institution, Stored<T> stored, DateTimeOffset? since, Func<Task> end) where T : class
    {
        if (since > time.GetUtcNow() - s_age) return;
        try
        {
            await end();
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // One that cannot be ended must not keep the others waiting.
            Log.UpkeepWaits(logger, kind, institution, stored.Id, error);
        }
    }

    /// <summary>Whoever approved it never got an answer, and the trail has no entry of it yet.</summary>
    private async Task FinishAsync(Stored<CorrectionRecord> stored, CancellationToken cancellationToken)
    {
        var outcome = await corrections.FinishAsync(stored, cancellationToken);
        if (outcome is not { Refusal: null, Record: { } record }) return;
        await audit.AppendAsync(
            record.Institution,
            new AuditEvent(
                1, time.GetUtcNow(), record.DecidedBy, record.Institution, [], null, "correction.approve", null, record.StudyKey, record.PatientKey, record.Correction.Id, null,
                [$"scope:{record.Correction.Scope}", "resumed", .. record.Correction.Values.Keys.Select(tag => $"tag:{tag}")], null, "done"),
            cancellationToken);
    }
}
