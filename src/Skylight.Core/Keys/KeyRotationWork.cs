using Skylight.Archive.Keys;
using Skylight.Core.Integrity;
using Skylight.Core.Maintenance;

namespace Skylight.Core.Keys;

/// <summary>
/// Rotates an institution's key-encryption key: a new version first, then every key record wrapped by it, page by page. Objects are not touched, and readers
/// and writers notice nothing: until its turn comes, a record is opened with the version that it names.
/// </summary>
public sealed class KeyRotationWork(IKeyEncryptionKeyVersions versions, IKeyRecordStore records, StudyKeys keys) : IMaintenanceWork
{
    private const int Page = 200;
    private const string FirstPage = "-";

    public MaintenanceKind Kind => MaintenanceKind.KeyRotation;

    public async Task<MaintenanceRun> StepAsync(MaintenanceRun run, CancellationToken cancellationToken)
    {
        if (run.Target is null) return run with { Target = await VersionAsync(run, cancellationToken), Cursor = FirstPage };
        // Another process may have begun this run: what this one remembers as the newest version may be older than that.
        await versions.ListAsync(keys.KeyEncryptionKeyOf(run.Institution), cancellationToken);
        var page = await records.ListAsync(run.Institution, Page, run.Cursor == FirstPage ? null : run.Cursor, cancellationToken);
        foreach (var stored in page.Items)
        {
            try
            {
                var changed = await keys.RewrapAsync(run.Institution, stored.Record.Subject, cancellationToken);
                run = run with { Done = run.Done + 1, Changed = run.Changed + (changed > 0 ? 1 : 0) };
            }
            catch (KeyUnavailableException error) when (error.Fault is not (KeyFault.NotReached or KeyFault.NotReplicated))
            {
                // One lost key must not keep the others under the old version.
                run = run.With(new VerifyFinding(VerifyCode.KeyUnavailable, true, run.Institution, stored.Record.Subject, null, error.Fault.ToString())) with { Done = run.Done + 1 };
            }
        }

        return page.Continuation is null ? run with { State = MaintenanceState.Completed, Cursor = null } : run with { Cursor = page.Continuation };
    }

    /// <summary>The version made for this run: a crash between making it and recording it must not make a second one.</summary>
    private async ValueTask<string> VersionAsync(MaintenanceRun run, CancellationToken cancellationToken)
    {
        var id = keys.KeyEncryptionKeyOf(run.Institution);
        return (await versions.ListAsync(id, cancellationToken)) is [.., var newest] && newest.CreatedAt >= run.StartedAt ? newest.Id : await versions.AddAsync(id, cancellationToken);
    }
}
