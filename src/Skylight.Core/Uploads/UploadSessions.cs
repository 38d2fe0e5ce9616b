using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>
/// Upload sessions from opening to the end of their ingest run. Every change of state is one conditional write of the session's record
/// (<see cref="UploadTransitions"/>) that precedes its effects; each effect may be repeated, and <see cref="UploadUpkeep"/> repeats what a crash left undone.
/// </summary>
public sealed class UploadSessions
{
    /// <summary>A blob of this name holds the manifest and completes its session; it is never ingested.</summary>
    public const string CompletionBlob = "_complete.json";

    /// <summary>Code of a session that a restore has cut off.</summary>
    public const string CutOff = "cut-off-by-restore";

    private readonly IDocuments _documents;
    private readonly IIngress _ingress;
    private readonly UploadOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly UploadSlots _slots;
    private readonly UploadManifest _manifests;
    private readonly UploadReports _reports;
    private readonly UploadFreezer _freezer;

    public UploadSessions(IDocuments documents, IIngress ingress, UploadContent content, UploadReports reports, IOptions<UploadOptions> options, TimeProvider time, ILogger<UploadSessions> log)
    {
        (_documents, _ingress, _options, _time, _log, _reports) = (documents, ingress, options.Value, time, log, reports);
        _slots = new UploadSlots(documents, time);
        _manifests = new UploadManifest(documents);
        _freezer = new UploadFreezer(ingress, content, _manifests, reports, _options);
    }

    internal static DocumentKey Key(string institution, string uploadId) => new(institution, "upload", uploadId);

    /// <summary>How the timer and the blob-created event find a session: by id alone, until it is cleaned.</summary>
    internal static DocumentKey PointerKey(string uploadId) => new("uploads", "upload-pointer", uploadId);

    /// <summary>Opens a session. The same owner's same idempotency key answers the same session, with a URL of the same rights.</summary>
    public async ValueTask<UploadOpened> OpenAsync(UploadRequest request, CancellationToken cancellationToken)
    {
        if (request.Days is { } days && (days < 1 || days > _options.MaxSessionDays)) return new UploadOpened(UploadRefusal.DaysOutOfRange);
        if (_ingress.FreeBytes is { } free && free < _options.FreeSpaceFloorBytes) return new UploadOpened(UploadRefusal.NoSpace);
        var (id, refusal) = await IdOfAsync(request, cancellationToken);
        if (refusal is not null) return new UploadOpened(refusal.Value);
        if (!await _slots.TakeAsync(request.Institution, id, _options.MaxLiveSessions, cancellationToken)) return new UploadOpened(UploadRefusal.TooManySessions);
        var session = await EnsureAsync(request, id, cancellationToken);
        if (session.State != UploadState.Open) return await ClosedAsync(session, cancellationToken);
        var url = await _ingress.GrantAsync(UploadId.Container(id), session.ExpiresOn, cancellationToken);
        if (request.IdempotencyKey is not null && (await GetAsync(request.Institution, id, cancellationToken))?.State is not (UploadState.Open or null))
        {
            // A repeated request met a completion: the policy it may have renewed must not outlive it.
            await _ingress.RevokeAsync(UploadId.Container(id), cancellationToken);
            return await ClosedAsync(session, cancellationToken);
        }

        UploadLog.Opened(_log, id, request.Institution, session.ExpiresOn);
        return new UploadOpened(session, url);
    }

    /// <summary>The session; null when the institution has none of this id.</summary>
    public async ValueTask<UploadSession?> GetAsync(string institution, string uploadId, CancellationToken cancellationToken) =>
        UploadId.IsValid(uploadId) ? (await _documents.GetAsync<UploadSession>(Key(institution, uploadId), cancellationToken))?.Value : null;

    /// <summary>What has arrived so far, by page; for clients that resume without any right to read.</summary>
    public ValueTask<ArrivedPage> ListArrivedAsync(UploadSession session, int limit, string? continuation, CancellationToken cancellationToken) =>
        _ingress.ListAsync(UploadId.Container(session.Id), blocks: session.State == UploadState.Open, limit, continuation, cancellationToken);

    /// <summary>
    /// Completes a session: revokes its SAS, freezes its content, schedules the ingest run. Completing again changes nothing, unless the run
    /// failed: then it is run again over the same frozen content.
    /// </summary>
    /// <param name="manifest">JSON array of <see cref="ManifestEntry"/>; null or empty for none.</param>
    /// <exception cref="ManifestException">The manifest cannot be taken; the session is as before.</exception>
    public async ValueTask<UploadChange> CompleteAsync(string institution, string uploadId, Stream? manifest, IIngestStarter starter, CancellationToken cancellationToken)
    {
        PageSet? saved = null;
        var named = false;
        try
        {
            while (true)
            {
                if (!UploadId.IsValid(uploadId) || await _documents.GetAsync<UploadSession>(Key(institution, uploadId), cancellationToken) is not { } stored)
                    return new UploadChange(UploadRefusal.NotFound);
                var session = stored.Value;
                if (UploadTransitions.Next(session.State, UploadTrigger.Complete) is not { } next) return new UploadChange(UploadRefusal.WrongState, session);
                if (next == session.State) return new UploadChange(session);
                if (session.State == UploadState.Failed && (session.Frozen is null || session.Cleaned)) return new UploadChange(UploadRefusal.WrongState, session);
                if (session.State == UploadState.Open && manifest is not null && saved is null)
                    saved = await _manifests.SaveAsync(institution, uploadId, manifest, _options.MaxManifestBytes, _options.MaxBlobs, cancellationToken);
                var now = _time.GetUtcNow();
                var changed = session.State == UploadState.Failed
                    ? session with { State = next, ChangedOn = now, Attempt = session.Attempt + 1, Failure = null }
                    : session with { State = next, ChangedOn = now, ClosedOn = now, Manifest = saved };
                if (await TryPutAsync(changed, stored.ETag, cancellationToken) is not { } etag) continue;
                named = true;
                UploadLog.Completed(_log, uploadId, institution);
                return new UploadChange(await AdvanceAsync(new Stored<UploadSession>(uploadId, etag, changed), starter, cancellationToken));
            }
        }
        finally
        {
            if (saved is not null && !named) await _manifests.DeleteAsync(institution, saved, CancellationToken.None);
        }
    }

    /// <summary>
    /// Completes the session of a container whose blob <see cref="CompletionBlob"/> has been committed. Whoever has nothing but the SAS cannot
    /// be asked to correct a manifest: one that cannot be taken is rejected by name, and the session completes without it.
    /// </summary>
    public async ValueTask CompleteByBlobAsync(string container, IIngestStarter starter, CancellationToken cancellationToken)
    {
        if (UploadId.OfContainer(container) is not { } id) return;
        if (await _documents.GetAsync<UploadPointer>(PointerKey(id), cancellationToken) is not { } pointer) return;
        var institution = pointer.Value.Institution;
        if (await GetAsync(institution, id, cancellationToken) is not { State: UploadState.Open }) return;
        RejectedItem? rejected;
        try
        {
            await using var manifest = await _ingress.OpenAsync(container, CompletionBlob, null, cancellationToken);
            await CompleteAsync(institution, id, manifest, starter, cancellationToken);
            return;
        }
        catch (ManifestException error)
        {
            rejected = new RejectedItem(CompletionBlob, UploadRejections.ManifestInvalid, error.Message);
        }
        catch (UploadChangedException)
        {
            rejected = new RejectedItem(CompletionBlob, UploadRejections.Changed, "The manifest was replaced while it was read.");
        }

        await _reports.WriteAsync(institution, id, "manifest", new UploadReportPart { Received = 1, Rejected = [rejected] }, cancellationToken);
        await CompleteAsync(institution, id, null, starter, cancellationToken);
    }

    /// <summary>Cancels an open session: its SAS is revoked, its content deleted. Cancelling again changes nothing.</summary>
    public async ValueTask<UploadChange> CancelAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        if (!UploadId.IsValid(uploadId)) return new UploadChange(UploadRefusal.NotFound);
        var change = await ChangeAsync(institution, uploadId, UploadTrigger.Cancel, s => s, cancellationToken);
        if (change.Session is not { State: UploadState.Cancelled } session) return change;
        await _ingress.RevokeAsync(UploadId.Container(uploadId), cancellationToken);
        await _ingress.DeleteAsync(UploadId.Container(uploadId), cancellationToken);
        await _slots.ReleaseAsync(institution, uploadId, cancellationToken);
        UploadLog.Cancelled(_log, uploadId, institution);
        return new UploadChange(session);
    }

    /// <summary>
    /// The last step of an ingest run: rejects by name what was added or changed too late, and ends the session. Idempotent; the word of an
    /// earlier attempt is ignored.
    /// </summary>
    /// <param name="failure">Stable code of what went wrong; null when the run succeeded (rejected items are no failure of the run).</param>
    public async ValueTask FinishAsync(string institution, string uploadId, int attempt, string? failure, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, uploadId, cancellationToken) is not { } session || session.Attempt != attempt) return;
        if (failure is null && !session.Cleaned) await _freezer.SweepAsync(session, cancellationToken);
        var change = await ChangeAsync(
            institution,
            uploadId,
            failure is null ? UploadTrigger.Succeed : UploadTrigger.Fail,
            s => s.Attempt == attempt ? s with { Failure = failure } : null,
            cancellationToken);
        await _slots.ReleaseAsync(institution, uploadId, cancellationToken);
        if (change.Refusal is null) UploadLog.Finished(_log, uploadId, institution, failure ?? "none");
    }

    /// <summary>Carries a session that is between completion and a scheduled run as far as it goes.</summary>
    internal async ValueTask<UploadSession> AdvanceAsync(Stored<UploadSession> stored, IIngestStarter starter, CancellationToken cancellationToken)
    {
        var (session, etag) = (stored.Value, stored.ETag);
        if (session.State == UploadState.Closing)
        {
            await _ingress.RevokeAsync(UploadId.Container(session.Id), cancellationToken);
            var content = await _freezer.FreezeAsync(session, cancellationToken);
            var frozen = content is null
                ? session with { State = UploadState.Failed, Failure = "too-many-blobs" }
                : session with { State = UploadState.Starting, Frozen = content.Pages, Blobs = content.Blobs, Bytes = content.Bytes, Attempt = 1, Manifest = null };
            if (await TryPutAsync(frozen = frozen with { ChangedOn = _time.GetUtcNow() }, etag, cancellationToken) is not { } next)
            {
                if (content is not null) await _freezer.DiscardAsync(session.Institution, content.Pages, cancellationToken);
                return await GetAsync(session.Institution, session.Id, cancellationToken) ?? session;
            }

            await _manifests.DeleteAsync(session.Institution, session.Manifest, cancellationToken);
            (session, etag) = (frozen, next);
            if (session.State == UploadState.Failed) await _slots.ReleaseAsync(session.Institution, session.Id, cancellationToken);
            else UploadLog.Frozen(_log, session.Id, session.Institution, session.Blobs, session.Bytes);
        }

        if (session is { State: UploadState.Starting, Frozen: { Count: 0 } })
        {
            // Nothing arrived: there is nothing to run.
            await FinishAsync(session.Institution, session.Id, session.Attempt, null, cancellationToken);
            return await GetAsync(session.Institution, session.Id, cancellationToken) ?? session;
        }

        if (session is not { State: UploadState.Starting, Frozen: { } pages }) return session;
        await starter.StartAsync(new IngestStart(session.Institution, session.Id, session.Attempt, pages.Count), cancellationToken);
        var running = session with { State = UploadState.Running, ChangedOn = _time.GetUtcNow() };
        if (await TryPutAsync(running, etag, cancellationToken) is not null) return running;
        return await GetAsync(session.Institution, session.Id, cancellationToken) ?? session;
    }

    /// <summary>Expires an open session whose time is over.</summary>
    internal async ValueTask ExpireAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        var change = await ChangeAsync(institution, uploadId, UploadTrigger.Expire, s => s, cancellationToken);
        if (change.Refusal is not null) return;
        await _ingress.RevokeAsync(UploadId.Container(uploadId), cancellationToken);
        await _slots.ReleaseAsync(institution, uploadId, cancellationToken);
        UploadLog.Expired(_log, uploadId, institution);
    }

    /// <summary>
    /// Ends the sessions that a restore has cut off, and answers them: no backup has their content, so what they had not stored has to be sent again. For a host at rest.
    /// </summary>
    public async Task<IReadOnlyList<UploadSession>> CutOffAsync(CancellationToken cancellationToken)
    {
        var cut = new List<UploadSession>();
        string? continuation = null;
        do
        {
            var page = await _documents.ListAsync<UploadPointer>("uploads", "upload-pointer", null, 200, continuation, cancellationToken);
            foreach (var pointer in page.Items)
            {
                if (await _documents.GetAsync<UploadSession>(Key(pointer.Value.Institution, pointer.Id), cancellationToken) is not { } stored) continue;
                var session = stored.Value;
                if (!UploadTransitions.IsLive(session.State) && session is not { State: UploadState.Failed, Cleaned: false }) continue;
                var ended = session with { State = session.State == UploadState.Open ? UploadState.Expired : UploadState.Failed, Failure = CutOff, ChangedOn = _time.GetUtcNow() };
                if (await TryPutAsync(ended, stored.ETag, cancellationToken) is null) continue;
                await _slots.ReleaseAsync(session.Institution, session.Id, cancellationToken);
                cut.Add(ended);
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return cut;
    }

    /// <summary>Deletes what an ended session has left behind in the ingress, however long it was to be kept. Live ones are left alone.</summary>
    public async ValueTask ForgetAsync(string institution, string id, CancellationToken cancellationToken)
    {
        if (await _documents.GetAsync<UploadSession>(Key(institution, id), cancellationToken) is { Value.Cleaned: false } stored && !UploadTransitions.IsLive(stored.Value.State))
            await CleanAsync(stored, cancellationToken);
    }

    /// <summary>Deletes container and frozen pages of a session that has ended; record and report stay.</summary>
    internal async ValueTask CleanAsync(Stored<UploadSession> stored, CancellationToken cancellationToken)
    {
        var session = stored.Value;
        if (session.State == UploadState.Completed) await _freezer.SweepAsync(session, cancellationToken);
        await _ingress.DeleteAsync(UploadId.Container(session.Id), cancellationToken);
        await _freezer.DiscardAllAsync(session.Institution, session.Id, cancellationToken);
        await _manifests.DeleteAllAsync(session.Institution, session.Id, cancellationToken);
        // Only from the version that was looked at: a failed session may have been completed again meanwhile.
        if (await TryPutAsync(session with { Cleaned = true, Frozen = null, Manifest = null }, stored.ETag, cancellationToken) is null) return;
        await _slots.ReleaseAsync(session.Institution, session.Id, cancellationToken);
        await _documents.DeleteAsync(PointerKey(session.Id), Match.Any, cancellationToken);
        UploadLog.Cleaned(_log, session.Id, session.Institution);
    }

    private async ValueTask<UploadOpened> ClosedAsync(UploadSession session, CancellationToken cancellationToken)
    {
        if (!UploadTransitions.IsLive(session.State)) await _slots.ReleaseAsync(session.Institution, session.Id, cancellationToken);
        return new UploadOpened(session, null, UploadRefusal.WrongState);
    }

    private async ValueTask<(string Id, UploadRefusal? Refusal)> IdOfAsync(UploadRequest request, CancellationToken cancellationToken)
    {
        var id = UploadId.New();
        if (request.IdempotencyKey is not { } key) return (id, null);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{request.Owner}\n{key}")));
        var document = new DocumentKey(request.Institution, UploadKeys.Type, hash);
        try
        {
            if (await _documents.GetAsync<UsedUploadKey>(document, cancellationToken) is null)
            {
                await _documents.PutAsync(document, new UsedUploadKey(1, id, request.Days), Match.None, [], cancellationToken);
                return (id, null);
            }
        }
        catch (DocumentConflictException)
        {
            UploadLog.SameKeyAtOnce(_log, request.Institution);
        }

        var used = (await _documents.GetAsync<UsedUploadKey>(document, cancellationToken))!.Value;
        return used.Days == request.Days ? (used.UploadId, null) : (id, UploadRefusal.KeyReused);
    }

    private async ValueTask<UploadSession> EnsureAsync(UploadRequest request, string id, CancellationToken cancellationToken)
    {
        if (request.IdempotencyKey is not null && await GetAsync(request.Institution, id, cancellationToken) is { } existing) return existing;
        var now = _time.GetUtcNow();
        var session = new UploadSession
        {
            Id = id,
            Institution = request.Institution,
            Owner = request.Owner,
            CreatedOn = now,
            ChangedOn = now,
            // Whole seconds: the SAS carries no fraction.
            ExpiresOn = DateTimeOffset.FromUnixTimeSeconds((now + (request.Days is { } days ? TimeSpan.FromDays(days) : TimeSpan.FromHours(_options.SessionHours))).ToUnixTimeSeconds()),
        };
        // The pointer first: a session that the timer cannot find would never expire.
        await _documents.PutAsync(PointerKey(id), new UploadPointer(request.Institution, now), Match.Any, [], cancellationToken);
        try
        {
            await _documents.PutAsync(Key(request.Institution, id), session, Match.None, [], cancellationToken);
            return session;
        }
        catch (DocumentConflictException)
        {
            return (await GetAsync(request.Institution, id, cancellationToken))!;
        }
    }

    private async ValueTask<UploadChange> ChangeAsync(string institution, string uploadId, UploadTrigger trigger, Func<UploadSession, UploadSession?> edit, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await _documents.GetAsync<UploadSession>(Key(institution, uploadId), cancellationToken) is not { } stored) return new UploadChange(UploadRefusal.NotFound);
            var session = stored.Value;
            if (UploadTransitions.Next(session.State, trigger) is not { } next) return new UploadChange(UploadRefusal.WrongState, session);
            if (next == session.State) return new UploadChange(session);
            if (edit(session) is not { } edited) return new UploadChange(UploadRefusal.WrongState, session);
            var changed = edited with { State = next, ChangedOn = _time.GetUtcNow() };
            if (await TryPutAsync(changed, stored.ETag, cancellationToken) is not null) return new UploadChange(changed);
        }
    }

    /// <summary>The new ETag; null when another writer was first.</summary>
    private async ValueTask<string?> TryPutAsync(UploadSession session, string etag, CancellationToken cancellationToken)
    {
        try
        {
            return await _documents.PutAsync(Key(session.Institution, session.Id), session, Match.Version(etag), [], cancellationToken);
        }
        catch (DocumentConflictException)
        {
            return null;
        }
    }

}
