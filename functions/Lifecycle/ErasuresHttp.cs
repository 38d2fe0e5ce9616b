using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Archive.Keys;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Lifecycle;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Lifecycle;

/// <summary>Destroying records for good: asked for, approved by a second person where that is needed, carried out in the background, certified.</summary>
public sealed class ErasuresHttp(Gate gate, ErasureRequests requests, Erasure erasures, Deletions deletions, InstitutionSecrets secrets, AuditRecorder audit)
{
    /// <param name="Reference">Number of the order or request: at most 100 characters, no names.</param>
    public sealed record ErasureOrder(ErasureBasis? Basis, string? Reference);

    /// <param name="Genuine">The certificate's MAC is that of its content.</param>
    public sealed record CertificateView(ErasureCertificate Certificate, bool Genuine);

    [Function("erasures-request")]
    public async Task<IActionResult> Request(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/erasure")] HttpRequest request, string study, [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureRequest, ObjectRef.Study(null, study), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var subject = admission.Actor.Is(Role.Patient);
        var (order, malformed) = await OrderAsync(request, subject, cancellationToken);
        if (order is null) return malformed!;
        var result = await requests.RequestAsync(
            admission.Institution, admission.Object.StudyKey!, order.Basis!.Value, order.Reference, admission.Actor.Subject, subject, null, cancellationToken);
        return await AnswerAsync(admission, "erasure.request", result, client, cancellationToken);
    }

    [Function("deletions-erase")]
    public async Task<IActionResult> Erase(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/deletions/{id}/erasure")] HttpRequest request, string id, [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await deletions.GetAsync(admission.Institution, id, cancellationToken) is not { Value: { Status: DeletionStatus.Hidden } deletion }) return Refusals.NotFound();
        var (order, malformed) = await OrderAsync(request, false, cancellationToken);
        if (order is null) return malformed!;
        var result = await requests.RequestAsync(
            admission.Institution, deletion.StudyKey, order.Basis!.Value, order.Reference, admission.Actor.Subject, false, deletion, cancellationToken);
        return await AnswerAsync(admission, "erasure.request", result, client, cancellationToken);
    }

    [Function("erasures-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/erasures")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.StatusOf(request, ErasureStatus.Requested) is not { } status) return Problem.UnknownStatus();
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await requests.ListAsync(admission.Institution, status, paging.Limit, paging.Next, cancellationToken);
        return paging.List<ErasureRecord>([.. page.Items.Select(item => item.Value)], page.Continuation);
    }

    [Function("erasures-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/erasures/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await erasures.GetAsync(admission.Institution, id, cancellationToken) is { } stored ? Answer.Json(stored.Value) : Refusals.NotFound();
    }

    [Function("erasures-certificate")]
    public async Task<IActionResult> Certificate(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/erasures/{id}/certificate")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return (await erasures.GetAsync(admission.Institution, id, cancellationToken))?.Value.Certificate is { } certificate
            ? Answer.Json(new CertificateView(certificate, await certificate.IsGenuineAsync(secrets, cancellationToken)))
            : Refusals.NotFound();
    }

    [Function("erasures-approve")]
    public async Task<IActionResult> Approve(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/erasures/{id}/approve")] HttpRequest request, string id, [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await AnswerAsync(admission, "erasure.approve", await requests.ApproveAsync(admission.Institution, id, admission.Actor.Subject, cancellationToken), client, cancellationToken);
    }

    [Function("erasures-refuse")]
    public async Task<IActionResult> Refuse(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/erasures/{id}/refuse")] HttpRequest request, string id, [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.ErasureDecide, ObjectRef.Lifecycle(), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await AnswerAsync(admission, "erasure.refuse", await requests.RefuseAsync(admission.Institution, id, admission.Actor.Subject, cancellationToken), client, cancellationToken);
    }

    private static async Task<(ErasureOrder? Order, IActionResult? Refusal)> OrderAsync(HttpRequest request, bool subject, CancellationToken cancellationToken)
    {
        var body = await JsonBody.ReadOptionalAsync(request, new ErasureOrder(null, null), cancellationToken);
        if (body.Refusal is { } malformed) return (null, malformed);

        // A person asks on their own ground, whatever they write.
        var order = subject ? body.Value! with { Basis = ErasureBasis.SubjectRequest } : body.Value!;
        if (order.Basis is not { } basis || !Enum.IsDefined(basis)) return (null, Problem.BadRequest("basis-missing", "Say on what ground it is to be erased.", "请说明清除依据。", "basis"));
        if (order.Reference is { Length: > 100 } || order.Reference?.Any(char.IsControl) == true)
            return (null, Problem.BadRequest("reference-too-long", "A reference has at most 100 characters.", "文号最多 100 个字符。", "reference"));
        return (order, null);
    }

    private async Task<IActionResult> AnswerAsync(Admission admission, string verb, ErasureResult result, DurableTaskClient client, CancellationToken cancellationToken)
    {
        switch (result.Refusal)
        {
            case ErasureRefusal.Missing:
                return Refusals.NotFound();
            case ErasureRefusal.OnHold:
                return Problem.OnHold(result.Hold);
            case ErasureRefusal.Retained:
                return Problem.Retained(result.Retention!);
            case ErasureRefusal.Decided:
                return Problem.Of(409, "already-decided", "It has been decided already.", "该申请已被处理。", ("status", result.Erasure!.Status));
            case ErasureRefusal.SamePerson:
                return Problem.Of(403, "second-person-needed", "Whoever asked for it cannot approve it.", "申请人不能审批自己的申请。");
        }

        var erasure = result.Erasure!;
        await audit.DoneAsync(
            admission.Actor, admission.Institution, verb, erasure.Id, cancellationToken, erasure.PatientKey, erasure.StudyKey, $"basis:{erasure.Basis}", $"status:{erasure.Status}");
        if (erasure.Status == ErasureStatus.Running) await EraseRuns.StartAsync(client, erasure, cancellationToken);
        return Answer.Accepted($"/api/erasures/{erasure.Id}", new { erasure.Id, erasure.Level, erasure.Status, erasure.NeedsApproval });
    }
}
