using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Uploads;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Uploads;

/// <summary>
/// Upload sessions: open one, send blobs to its URL by the Blob protocol, complete it, follow its ingest. An upload node sees the sessions that
/// it opened, a technician those of the institution; any other session looks like one that is not there.
/// </summary>
public sealed class UploadsHttp(Gate gate, UploadSessions sessions, UploadReports reports, IOptions<UploadOptions> options)
{
    private const int MaxManifestBytes = 1 << 30;

    /// <summary>Body <c>{"days": 7}</c> for a long session, or none. 201 <c>{uploadId, uploadUrl, expiresOn, maxBlockBytes}</c>.</summary>
    [Function("uploads-open")]
    public async Task<IActionResult> Open([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/uploads")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.UploadCreate, ObjectRef.Uploads(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadOptionalAsync(request, new OpenBody(), cancellationToken);
        if (body.Refusal is { } bad) return bad;
        var key = IdempotencyKey.Of(request);
        if (key is null && request.Headers.ContainsKey("Idempotency-Key"))
            return Problem.BadRequest("idempotency-key-invalid", "Idempotency-Key must be one value of 1 to 200 printable characters.", "Idempotency-Key 必须为 1 至 200 个可打印字符。");
        var opened = await sessions.OpenAsync(new UploadRequest(admission.Institution, admission.Actor.Subject, body.Value!.Days, key), cancellationToken);
        if (opened.Refusal is { } refused) return Refused(refused, opened.Session?.Id);
        var session = opened.Session!;
        return Answer.Created($"/api/uploads/{session.Id}", new OpenedBody(session.Id, opened.Url!, session.ExpiresOn, options.Value.MaxBlockBytes));
    }

    /// <summary>The state and the ingest report so far.</summary>
    [Function("uploads-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/uploads/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var (session, refusal) = await AdmitAsync(request, AccessAction.UploadRead, id, cancellationToken);
        if (session is null) return refusal!;
        var report = await reports.ReadAsync(session.Institution, session.Id, cancellationToken);
        return Answer.Json(StatusBody.Of(session, report));
    }

    /// <summary>What has arrived: <c>{items: [{name, size, committed, blocks: [{id, size}]}], next}</c>. <c>limit</c> 1 to 5,000, 1,000 by default.</summary>
    [Function("uploads-blobs")]
    public async Task<IActionResult> Blobs([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/uploads/{id}/blobs")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var (session, refusal) = await AdmitAsync(request, AccessAction.UploadRead, id, cancellationToken);
        if (session is null) return refusal!;
        if (Paging.Of(request, most: 5_000, usual: 1_000) is not { } paging) return Paging.Wrong(request, most: 5_000);
        var page = await sessions.ListArrivedAsync(session, paging.Limit, paging.Next, cancellationToken);
        return paging.List(page.Items.Select(b => new BlobBody(b.Name, b.Size, b.Committed, b.Blocks)).ToArray(), page.Continuation);
    }

    /// <summary>Completes the session; the body is the manifest <c>[{name, path, size, sha256}]</c> or nothing. 202 <c>{uploadId, status}</c>.</summary>
    [Function("uploads-complete")]
    [RequestLimit(MaxManifestBytes)]
    public async Task<IActionResult> Complete(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/uploads/{id}/complete")] HttpRequest request,
        string id,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var (session, refusal) = await AdmitAsync(request, AccessAction.UploadComplete, id, cancellationToken);
        if (session is null) return refusal!;
        try
        {
            var change = await sessions.CompleteAsync(session.Institution, session.Id, request.Body, new DurableIngestStarter(client), cancellationToken);
            return change.Refusal is { } refused ? Refused(refused) : Answer.Accepted($"/api/uploads/{id}", new ChangedBody(id, StatusBody.Name(change.Session!.State)));
        }
        catch (ManifestException error)
        {
            return Problem.Of(400, "manifest-invalid", "The manifest cannot be taken.", "清单无效。", ("detail", error.Message));
        }
    }

    /// <summary>Cancels an open session and deletes what has arrived. 202 <c>{uploadId, status}</c>.</summary>
    [Function("uploads-cancel")]
    public Task<IActionResult> Cancel([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/uploads/{id}/cancel")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        CancelAsync(request, id, cancellationToken);

    /// <summary>The same as cancelling.</summary>
    [Function("uploads-delete")]
    public Task<IActionResult> Delete([HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/uploads/{id}")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        CancelAsync(request, id, cancellationToken);

    private async Task<IActionResult> CancelAsync(HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var (session, refusal) = await AdmitAsync(request, AccessAction.UploadComplete, id, cancellationToken);
        if (session is null) return refusal!;
        var change = await sessions.CancelAsync(session.Institution, session.Id, cancellationToken);
        return change.Refusal is { } refused ? Refused(refused) : Answer.Accepted($"/api/uploads/{id}", new ChangedBody(id, StatusBody.Name(change.Session!.State)));
    }

    private async Task<(UploadSession? Session, IActionResult? Refusal)> AdmitAsync(HttpRequest request, AccessAction action, string id, CancellationToken cancellationToken)
    {
        UploadSession? session = null;
        var admission = await gate.AdmitAsync(
            request,
            action,
            async (actor, token) => (session = await sessions.GetAsync(actor.Institution, id, token)) is { } found ? ObjectRef.Upload(found.Institution, found.Owner) : null,
            cancellationToken);
        return admission.Refusal is { } refusal ? (null, refusal) : (session, null);
    }

    private static Problem Refused(UploadRefusal refusal, string? uploadId = null) => refusal switch
    {
        UploadRefusal.NotFound => Problem.NotFound(),
        // A client that lost the answer to its first request learns which upload its key stands for.
        UploadRefusal.WrongState when uploadId is not null => Problem.Of(409, "upload-state", "The upload of this Idempotency-Key is closed.", "该 Idempotency-Key 对应的上传会话已关闭。", ("uploadId", uploadId)),
        UploadRefusal.WrongState => Problem.Of(409, "upload-state", "The upload's state does not allow this.", "上传会话的当前状态不允许此操作。"),
        UploadRefusal.TooManySessions => Problem.Of(429, "upload-quota", "The institution has as many uploads under way as it may have.", "本机构正在进行的上传已达上限。").WithHeader("Retry-After", "60"),
        UploadRefusal.NoSpace => Problem.Of(507, "storage-full", "There is not enough free space for uploads.", "存储空间不足，无法上传。"),
        UploadRefusal.KeyReused => Problem.Of(422, "idempotency-key-reused", "This Idempotency-Key came with another request before.", "该 Idempotency-Key 已用于另一个请求。"),
        UploadRefusal.DaysOutOfRange => Problem.BadRequest("days-out-of-range", "'days' is not within the allowed range.", "“days”超出允许范围。", "days"),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal)),
    };

    private sealed record OpenBody(int? Days = null);

    private sealed record OpenedBody(string UploadId, Uri UploadUrl, DateTimeOffset ExpiresOn, int MaxBlockBytes);

    private sealed record BlobBody(string Name, long Size, bool Committed, IReadOnlyList<StagedBlock> Blocks);

    private sealed record ChangedBody(string UploadId, string Status);
}

/// <summary>The state of a session as the API shows it.</summary>
internal sealed record StatusBody(
    string Status,
    int Received,
    int Stored,
    int Duplicates,
    int Revisions,
    int Held,
    int Ignored,
    IReadOnlyList<RejectedItem> Rejected,
    IReadOnlyList<ReportedStudy> Studies,
    string? Failure)
{
    public static StatusBody Of(UploadSession session, UploadReport report) => new(
        Name(session.State),
        report.Received,
        report.Stored,
        report.Duplicates,
        report.Revisions,
        report.Held,
        report.Ignored,
        report.Rejected,
        report.Studies,
        session.State == UploadState.Failed ? session.Failure : null);

    /// <summary>The steps between completion and the end of the run are all <c>running</c>.</summary>
    public static string Name(UploadState state) => state switch
    {
        UploadState.Open => "open",
        UploadState.Completed => "completed",
        UploadState.Failed => "failed",
        UploadState.Cancelled => "cancelled",
        UploadState.Expired => "expired",
        _ => "running",
    };
}
