using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Tiers;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Tiers;

/// <summary>When an institution's studies become colder, and a sweep at once. For its administrator.</summary>
public sealed class TierPolicyHttp(Gate gate, TierPolicies policies, AuditRecorder audit, TimeProvider time)
{
    public sealed record PolicyBody(IReadOnlyList<TierRule>? Rules);

    public sealed record SweepView(string Id);

    [Function("tier-policy-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/tiers/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return PolicyAnswer.Of(request, await policies.FindAsync(admission.Institution, cancellationToken), TierPolicy.None);
    }

    [Function("tier-policy-put")]
    public async Task<IActionResult> Put([HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/tiers/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<PolicyBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var policy = new TierPolicy(1, body.Value!.Rules ?? []);
        return await PolicyAnswer.PutAsync(
            request, policy, policy.Faults(), match => policies.PutAsync(admission.Institution, policy, match, cancellationToken),
            () => audit.DoneAsync(admission.Actor, admission.Institution, "tier-policy.change", "current", cancellationToken));
    }

    /// <summary>Applies the policy now; a sweep that is going on already is answered instead of a second one.</summary>
    [Function("tier-sweep")]
    public async Task<IActionResult> Sweep(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/tiers/sweeps")] HttpRequest request, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var id = await TierSweeps.StartAsync(client, admission.Institution, time.GetUtcNow(), cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "tier-sweep.start", id, cancellationToken);
        return Answer.Accepted($"/api/tiers/sweeps/{id}", new SweepView(id));
    }

    /// <summary>How a sweep stands. 404 also once the durable engine has forgotten it.</summary>
    [Function("tier-sweep-get")]
    public async Task<IActionResult> SweepState(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/tiers/sweeps/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.TierManage, ObjectRef.InstitutionRecord(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await TierSweeps.FindAsync(client, admission.Institution, id, cancellationToken) is { } state ? Answer.Json(state) : Refusals.NotFound();
    }
}
