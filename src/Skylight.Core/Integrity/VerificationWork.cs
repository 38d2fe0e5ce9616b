using Skylight.Core.Catalog;
using Skylight.Core.Maintenance;

namespace Skylight.Core.Integrity;

/// <summary>Verifies an institution's studies while the host runs, some at a time.</summary>
public sealed class VerificationWork(ICatalog catalog, StudyVerifier verifier, TimeProvider time) : IMaintenanceWork
{
    private const int Page = 200;
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(10);

    public MaintenanceKind Kind => MaintenanceKind.Verification;

    public async Task<MaintenanceRun> StepAsync(MaintenanceRun run, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var page = await catalog.ListStudyKeysAsync(run.Institution, run.Cursor ?? "", Page, cancellationToken);
        if (page.Count == 0) return (run.NotRead == 0 ? run : run.With(VerifyTally.NotReadNote(run.Institution, run.NotRead, run.NotReadBytes))) with { State = MaintenanceState.Completed };
        foreach (var studyKey in page)
        {
            var tally = new VerifyTally();
            await verifier.VerifyAsync(run.Institution, studyKey, run.Depth, tally, null, null, cancellationToken);
            foreach (var finding in tally.Findings) run = run.With(finding);
            run = run with { Cursor = studyKey, Done = run.Done + 1, Bytes = run.Bytes + tally.Bytes, NotRead = run.NotRead + tally.NotRead, NotReadBytes = run.NotReadBytes + tally.NotReadBytes };
            if (time.GetElapsedTime(started) > LongEnough) break;
        }

        return run;
    }
}
