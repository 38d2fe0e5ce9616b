using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Archive.Coding;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Compression;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Compression;

/// <summary>Which stored instances of an institution are compressed, what came of it, and a sweep at once. For its administrator.</summary>
public sealed class CompressionHttp(Gate gate, CompressionPolicies policies, PictureCodecs codecs, AuditRecorder audit, TimeProvider time)
{
    public sealed record PolicyBody(int? AfterDays, IReadOnlyList<CompressionRule>? Rules);

    /// <param name="Missing">What has to be installed before it works; null when it works.</param>
    public sealed record CodecView(string Name, string? Missing);

    /// <param name="LastSweep">The last sweep that has finished; null before the first.</param>
    public sealed record StateView(IReadOnlyList<CodecView> Codecs, CompressionReport? LastSweep);

    public sealed record SweepView(string Id);

    /// <summary>The codecs of this host, and the last sweep.</summary>
    [Function("compression-state")]
    public async Task<IActionResult> State([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/compression")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return Answer.Json(new StateView([.. codecs.All.Select(codec => new CodecView(codec.Name, codec.Missing))], await policies.LastAsync(admission.Institution, cancellationToken)));
    }

    [Function("compression-policy-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/compression/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return PolicyAnswer.Of(request, await policies.FindAsync(admission.Institution, cancellationToken), CompressionPolicy.None);
    }

    [Function("compression-policy-put")]
    public async Task<IActionResult> Put([HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/compression/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<PolicyBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var policy = new CompressionPolicy(1, body.Value!.AfterDays ?? CompressionPolicy.None.AfterDays, body.Value.Rules ?? []);
        return await PolicyAnswer.PutAsync(
            request, policy, policy.Faults(codecs), match => policies.PutAsync(admission.Institution, policy, match, cancellationToken),
            () => audit.DoneAsync(admission.Actor, admission.Institution, "compression-policy.change", "current", cancellationToken));
    }

    /// <summary>Applies the policy now; a sweep that is going on already is answered instead of a second one.</summary>
    [Function("compression-sweep")]
    public async Task<IActionResult> Sweep(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/compression/sweeps")] HttpRequest request, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var id = await CompressionSweeps.StartAsync(client, admission.Institution, time.GetUtcNow(), cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "compression-sweep.start", id, cancellationToken);
        return Answer.Accepted($"/api/compression/sweeps/{id}", new SweepView(id));
    }

    /// <summary>How a sweep stands. 404 also once the durable engine has forgotten it.</summary>
    [Function("compression-sweep-get")]
    public async Task<IActionResult> SweepState(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/compression/sweeps/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await CompressionSweeps.FindAsync(client, admission.Institution, id, cancellationToken) is { } state ? Answer.Json(state) : Refusals.NotFound();
    }
}
