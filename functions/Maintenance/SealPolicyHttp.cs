using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Archive.Sealing;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Keys;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Maintenance;

/// <summary>With which cipher an institution's new objects are sealed: read and chosen by its security administrator. What is stored is sealed anew by a re-encryption.</summary>
public sealed class SealPolicyHttp(Gate gate, SealPolicies policies, AuditRecorder audit)
{
    public sealed record PolicyBody(SealAlgorithm? Algorithm);

    [Function("seal-policy-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/keys/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        return admission.Refusal ?? Answer.Json(await policies.FindAsync(admission.Institution, cancellationToken));
    }

    [Function("seal-policy-put")]
    public async Task<IActionResult> Put([HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/keys/policy")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<PolicyBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (body.Value!.Algorithm is not { } algorithm || !Enum.IsDefined(algorithm))
            return Problem.BadRequest("algorithm-unknown", "The cipher is missing or unknown.", "加密算法缺失或无法识别。", "algorithm");
        var policy = new SealPolicy(1, algorithm);
        await policies.PutAsync(admission.Institution, policy, cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "seal-policy.change", "current", cancellationToken, detail: algorithm.ToString());
        return Answer.Json(policy);
    }

    private ValueTask<Admission> AdmitAsync(HttpRequest request, CancellationToken cancellationToken) =>
        gate.AdmitAsync(request, AccessAction.MaintenanceManage, ObjectRef.Maintenance(request.Query["institution"] is [{ Length: > 0 and <= 64 } code] ? code : null), cancellationToken);
}
