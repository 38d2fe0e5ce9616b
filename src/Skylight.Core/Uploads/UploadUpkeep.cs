using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>What the timer does for sessions: repeats interrupted completions and lost starts, expires what nobody completes, cleans what has ended.</summary>
public sealed class UploadUpkeep(
    IDocuments documents, IIngress ingress, UploadSessions sessions, IOptions<UploadOptions> options, TimeProvider time, ILogger<UploadUpkeep> log)
{
    private static readonly TimeSpan Orphaned = TimeSpan.FromMinutes(15);

    /// <summary>One round over all sessions that are not yet cleaned. A session that fails is logged and tried again in the next round.</summary>
    public async ValueTask RunAsync(IIngestStarter starter, CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<UploadPointer>("uploads", "upload-pointer", null, 200, continuation, cancellationToken);
            foreach (var pointer in page.Items)
            {
                try
                {
                    await TendAsync(pointer.Id, pointer.Value, starter, cancellationToken);
                }
                catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
                {
                    UploadLog.UpkeepFailed(log, pointer.Id, error);
                }
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    private async ValueTask TendAsync(string id, UploadPointer pointer, IIngestStarter starter, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var settings = options.Value;
        if (await documents.GetAsync<UploadSession>(UploadSessions.Key(pointer.Institution, id), cancellationToken) is not { } stored)
        {
            // Opening was interrupted between the pointer and the session; no URL was ever given out.
            if (now - pointer.CreatedOn < Orphaned) return;
            await ingress.DeleteAsync(UploadId.Container(id), cancellationToken);
            await documents.DeleteAsync(UploadSessions.PointerKey(id), Match.Any, cancellationToken);
            return;
        }

        var session = stored.Value;
        var age = now - session.ChangedOn;
        var late = age >= TimeSpan.FromSeconds(settings.RepairSeconds);
        switch (session.State)
        {
            case UploadState.Open when now >= session.ExpiresOn + TimeSpan.FromMinutes(settings.ExpiryGraceMinutes):
                await sessions.ExpireAsync(session.Institution, id, cancellationToken);
                break;
            case UploadState.Closing or UploadState.Starting when late:
                UploadLog.Repaired(log, id, session.Institution, session.State);
                await sessions.AdvanceAsync(stored, starter, cancellationToken);
                break;
            case UploadState.Running when late:
                await CheckRunAsync(session, starter, cancellationToken);
                break;
            // Not before the last write under the revoked SAS has had its chance: the sweep must see it.
            case UploadState.Completed or UploadState.Cancelled or UploadState.Expired when session.Cleaned || age >= ingress.RevocationDelay * 2:
            case UploadState.Failed when session.Cleaned || age >= TimeSpan.FromDays(settings.FailedRetentionDays):
                await sessions.CleanAsync(stored, cancellationToken);
                break;
            default:
                break;
        }
    }

    private async ValueTask CheckRunAsync(UploadSession session, IIngestStarter starter, CancellationToken cancellationToken)
    {
        var start = new IngestStart(session.Institution, session.Id, session.Attempt, session.Frozen?.Count ?? 0);
        switch (await starter.GetAsync(start.InstanceId, cancellationToken))
        {
            case IngestRunState.Missing:
                UploadLog.Repaired(log, session.Id, session.Institution, session.State);
                await starter.StartAsync(start, cancellationToken);
                break;
            case IngestRunState.Failed:
                await sessions.FinishAsync(session.Institution, session.Id, session.Attempt, "ingest-failed", cancellationToken);
                break;
            case IngestRunState.Succeeded:
                await sessions.FinishAsync(session.Institution, session.Id, session.Attempt, null, cancellationToken);
                break;
            default:
                break;
        }
    }
}
