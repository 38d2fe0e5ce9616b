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
/// Links between persons (patient accounts, of whatever institution) and the institution's patient records. The administrator who records a link
/// states how identity was proven; nobody links themselves, and names and birthdays alone prove nothing.
/// </summary>
public sealed class PersonLinksHttp(Gate gate, RelationRecords relations, AccountDirectory accounts, SubjectKeys keys, AuditRecorder audit, TimeProvider time)
{
    /// <param name="Person">Sign-in name or subject of the patient account.</param>
    /// <param name="PatientId">Patient ID as in (0010,0020), with <paramref name="Assigner"/> as in (0010,0021); or <paramref name="PatientKey"/>.</param>
    public sealed record NewPersonLink(string? Person, string? PatientId, string? Assigner, string? PatientKey, IdentityProof? Method, string? Ground);

    public sealed record PersonLinkView(
        string Id, string Person, string PatientKey, IdentityProof Method, string Ground, DateTimeOffset RecordedAt, DateTimeOffset? VerifiedAt, DateTimeOffset? RevokedAt, bool Active);

    [Function("person-links-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/person-links")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var person = request.Query["person"] is [{ Length: > 0 } name] ? await SubjectAsync(name, cancellationToken) ?? "none" : null;
        var page = await relations.ListLinksAsync(admission.Institution, person, paging.Limit, paging.Next, cancellationToken);
        return paging.List<PersonLinkView>([.. page.Items.Select(View)], page.Continuation);
    }

    [Function("person-links-create")]
    public async Task<IActionResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/person-links")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<NewPersonLink>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var wanted = body.Value!;
        if (wanted.Method is not { } method) return Invalid("method");
        if (wanted.Ground is not { Length: > 0 and <= 200 } ground) return Invalid("ground");
        if (await SubjectAsync(wanted.Person ?? "", cancellationToken) is not { } person) return Invalid("person");
        var (patient, _) = await keys.ReadAsync(admission.Institution, wanted.PatientId, wanted.Assigner, wanted.PatientKey, null, cancellationToken);
        if (patient is null) return Invalid("patient");
        var now = time.GetUtcNow();
        var link = new PersonLink(1, person, patient, method, ground, admission.Actor.Subject, now, now, admission.Actor.Subject, null);
        var stored = await relations.AddAsync(admission.Institution, link, IdempotencyKey.Of(request), cancellationToken);
        if (stored.Value != link with { RecordedAt = stored.Value.RecordedAt, VerifiedAt = stored.Value.VerifiedAt, RevokedAt = stored.Value.RevokedAt }) return Problem.KeyReused();
        await audit.DoneAsync(admission.Actor, admission.Institution, "person-link.create", stored.Id, cancellationToken, patient);
        return Answer.Created($"/api/person-links/{stored.Id}", View(stored));
    }

    [Function("person-links-revoke")]
    public async Task<IActionResult> Revoke([HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/person-links/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.RelationManage, ObjectRef.Relations(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await relations.RevokeLinkAsync(admission.Institution, id, time.GetUtcNow(), cancellationToken) is not { } revoked) return Refusals.NotFound();
        await audit.DoneAsync(admission.Actor, admission.Institution, "person-link.revoke", id, cancellationToken, revoked.PatientKey);
        return Answer.Empty();
    }

    private async ValueTask<string?> SubjectAsync(string name, CancellationToken cancellationToken)
    {
        var stored = await accounts.FindByNameAsync(name, cancellationToken);
        return stored?.Value is { } account && account.Roles.Contains(Role.Patient) ? account.Subject : null;
    }

    private PersonLinkView View(Stored<PersonLink> stored)
    {
        var l = stored.Value;
        return new(stored.Id, l.Person, l.PatientKey, l.Method, l.Ground, l.RecordedAt, l.VerifiedAt, l.RevokedAt, l.IsActive(time.GetUtcNow()));
    }

    private static Problem Invalid(string field) => Problem.BadRequest("person-link-invalid", "A field cannot be taken.", "字段不符合要求。", field);
}
