using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Identity;
using Skylight.Functions.Http;

namespace Skylight.Functions.Access;

/// <summary>
/// Care relations of the institution's staff to its patients or single studies, recorded by the institution's administrator (or the hospital
/// system that acts as one). Recording says nothing about whether such a patient or study exists.
/// </summary>
public sealed class CareRelationsHttp(Gate gate, RelationRecords relations, AccountDirectory accounts, SubjectKeys keys, AuditRecorder audit, TimeProvider time)
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    /// <param name="Account">Sign-in name or subject of the staff account.</param>
    /// <param name="PatientId">Patient ID as in (0010,0020), with <paramref name="Assigner"/> as in (0010,0021); or <paramref name="PatientKey"/>; or a study.</param>
    public sealed record NewCareRelation(
        string? Account, CareRelationKind? Kind, bool? Attending, string? PatientId, string? Assigner, string? PatientKey, string? StudyInstanceUid,
        DateTimeOffset? From, DateTimeOffset? Until, string? Ground);

    public sealed record CareRelationView(
        string Id, string Account, CareRelationKind Kind, bool Attending, string? PatientKey, string? StudyKey, DateTimeOffset From, DateTimeOffset Until, string Ground,
        DateTimeOffset RecordedAt, DateTimeOffset? RevokedAt, bool Active);

    [Function("care-relations-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/care-relations")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var account = request.Query["account"] is [{ Length: > 0 } name] ? await SubjectAsync(admission.Institution, name, cancellationToken) ?? "none" : null;
        var page = await relations.ListCareAsync(admission.Institution, account, paging.Limit, paging.Next, cancellationToken);
        return paging.List<CareRelationView>([.. page.Items.Select(View)], page.Continuation);
    }

    [Function("care-relations-create")]
    public async Task<IActionResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/care-relations")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<NewCareRelation>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var wanted = body.Value!;
        var now = time.GetUtcNow();
        var from = wanted.From ?? now;
        if (wanted.Until is not { } until || until <= from || until <= now || until - from > Longest) return Invalid("until");
        if (wanted.Ground is not { Length: > 0 and <= 200 } ground) return Invalid("ground");
        if (await SubjectAsync(admission.Institution, wanted.Account ?? "", cancellationToken) is not { } subject) return Invalid("account");
        var (patient, study) = await keys.ReadAsync(admission.Institution, wanted.PatientId, wanted.Assigner, wanted.PatientKey, wanted.StudyInstanceUid, cancellationToken);
        if (patient is null == study is null) return Invalid("patient");
        var relation = new CareRelation(
            1, subject, wanted.Kind ?? CareRelationKind.Treating, wanted.Attending ?? false, patient, study, from, until, ground, admission.Actor.Subject, now, null);
        var stored = await relations.AddAsync(admission.Institution, relation, IdempotencyKey.Of(request), cancellationToken);
        if (stored.Value != relation with { From = wanted.From ?? stored.Value.From, RecordedAt = stored.Value.RecordedAt, RevokedAt = stored.Value.RevokedAt }) return Problem.KeyReused();
        await audit.DoneAsync(admission.Actor, admission.Institution, "care-relation.create", stored.Id, cancellationToken, patient, study);
        return Answer.Created($"/api/care-relations/{stored.Id}", View(stored));
    }

    [Function("care-relations-revoke")]
    public async Task<IActionResult> Revoke([HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/care-relations/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await relations.RevokeCareAsync(admission.Institution, id, time.GetUtcNow(), cancellationToken) is not { } revoked) return Refusals.NotFound();
        await audit.DoneAsync(admission.Actor, admission.Institution, "care-relation.revoke", id, cancellationToken, revoked.PatientKey, revoked.StudyKey);
        return Answer.Empty();
    }

    /// <summary>The subject of a staff account of the institution that takes part in care; null for anything else.</summary>
    private async ValueTask<string?> SubjectAsync(string institution, string name, CancellationToken cancellationToken)
    {
        var stored = await accounts.FindByNameAsync(name, cancellationToken);
        return stored?.Value is { } account && account.Institution == institution && account.Roles.Any(r => r is Role.Clinician or Role.Radiologist or Role.Technician)
            ? account.Subject
            : null;
    }

    private CareRelationView View(Stored<CareRelation> stored)
    {
        var r = stored.Value;
        return new(stored.Id, r.Account, r.Kind, r.Attending, r.PatientKey, r.StudyKey, r.From, r.Until, r.Ground, r.RecordedAt, r.RevokedAt, r.IsActive(time.GetUtcNow()));
    }

    private static Problem Invalid(string field) => Problem.BadRequest("care-relation-invalid", "A field cannot be taken.", "字段不符合要求。", field);
}
