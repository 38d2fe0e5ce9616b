using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Maintenance;
using Skylight.Core.Studies;

namespace Skylight.Core.Keys;

/// <summary>
/// Seals an institution's studies anew while they are read and written: each gets a new key (where asked for), and its series are rewritten under it. Old and
/// new objects open side by side meanwhile; the old keys are removed later, when no object names them (<see cref="KeyRetirement"/>).
/// </summary>
public sealed class ReencryptionWork(ICatalog catalog, IDocuments documents, StudyKeys keys, SeriesMerge merge, TimeProvider time) : IMaintenanceWork
{
    private const int Page = 200;
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(10);

    public MaintenanceKind Kind => MaintenanceKind.Reencryption;

    public async Task<MaintenanceRun> StepAsync(MaintenanceRun run, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var page = await catalog.ListStudyKeysAsync(run.Institution, run.Cursor ?? "", Page, cancellationToken);
        if (page.Count == 0) return run with { State = MaintenanceState.Completed };
        foreach (var studyKey in page)
        {
            run = await StudyAsync(run, studyKey, cancellationToken) with { Cursor = studyKey, Done = run.Done + 1 };
            if (time.GetElapsedTime(started) > LongEnough) break;
        }

        return run;
    }

    /// <summary>Gone meanwhile, or going: no damage.</summary>
    private async ValueTask<bool> IsErasedAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } study || await ErasureRequests.IsDestroyingAsync(documents, study, cancellationToken);

    private async Task<MaintenanceRun> StudyAsync(MaintenanceRun run, string studyKey, CancellationToken cancellationToken)
    {
        try
        {
            // A key that nothing is sealed under yet would only keep the study's key record waiting for the day on which it can be.
            if (await merge.MustWaitAsync(run.Institution, studyKey, cancellationToken)) return run with { Waiting = run.Waiting + 1 };
            if (run.NewKeys) await keys.AddKeyAsync(run.Institution, studyKey, run.StartedAt, cancellationToken);
            return await merge.ResealAsync(run.Institution, studyKey, SealOptions.Default with { Algorithm = run.Algorithm }, cancellationToken) switch
            {
                ResealOutcome.Resealed => run with { Changed = run.Changed + 1 },
                ResealOutcome.Waiting => run with { Waiting = run.Waiting + 1 },
                _ => run,
            };
        }
        catch (Exception error) when (error is SealedObjectException or KeyUnavailableException or ObjectMissingException)
        {
            if (await IsErasedAsync(run.Institution, studyKey, cancellationToken)) return run;

            // The damaged study stays under its old key, which opens what can still be opened.
            return run.With(StudyVerifier.Finding(error, run.Institution, studyKey, null)!);
        }
    }
}
