using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Institutions;

/// <summary>Institutions: made and listed by the operator, kept up by their own administrators.</summary>
public sealed class InstitutionsHttp(Gate gate, InstitutionDirectory institutions, AuditRecorder audit, TimeProvider time)
{
    public sealed record InstitutionBody(
        string? Code, string? Name, string? NameEn, string? SocialCreditCode, string? TimeZone, LegalProfile? LegalProfile, IReadOnlyList<Campus>? Campuses);

    [Function("institutions-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/institutions")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.SystemManage, ObjectRef.Platform, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await institutions.ListAsync(paging.Limit, paging.Next, cancellationToken);
        return paging.List<Institution>([.. page.Items.Select(i => i.Value)], page.Continuation);
    }

    [Function("institutions-create")]
    public async Task<IActionResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/institutions")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.SystemManage, ObjectRef.Platform, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<InstitutionBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var institution = Build(body.Value!.Code ?? "", body.Value, time.GetUtcNow());
        if (InstitutionRules.Faults(institution) is { Count: > 0 } faults) return Invalid(faults);
        try
        {
            await institutions.PutAsync(institution, Match.None, cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Sent again by whoever has not heard that it was made.
            if (IdempotencyKey.Of(request) is not null && (await institutions.FindAsync(institution.Code, cancellationToken))?.Value is { } made && AreSame(made, institution with { CreatedAt = made.CreatedAt }))
                return Answer.Created($"/api/institutions/{made.Code}", made);
            return Problem.Of(409, "institution-exists", "The code is taken.", "该机构代码已存在。");
        }

        await audit.DoneAsync(admission.Actor, Actor.PlatformInstitution, "institution.create", institution.Code, cancellationToken);
        return Answer.Created($"/api/institutions/{institution.Code}", institution);
    }

    private static bool AreSame(Institution one, Institution other) =>
        JsonSerializer.Serialize(one, DocumentJson.Options) == JsonSerializer.Serialize(other, DocumentJson.Options);

    [Function("institutions-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/institutions/{code}")] HttpRequest request, string code, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.InstitutionManage, ObjectRef.InstitutionRecord(code), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await institutions.FindAsync(code, cancellationToken) is not { } stored) return Refusals.NotFound();
        request.HttpContext.Response.Headers.ETag = $"\"{stored.ETag}\"";
        return Answer.Json(stored.Value);
    }

    [Function("institutions-put")]
    public async Task<IActionResult> Put([HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/institutions/{code}")] HttpRequest request, string code, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.InstitutionManage, ObjectRef.InstitutionRecord(code), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<InstitutionBody>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (await institutions.FindAsync(code, cancellationToken) is not { } stored) return Refusals.NotFound();
        if (body.Value!.Code is { } named && named != code) return Invalid(["code"]);
        var institution = Build(code, body.Value, stored.Value.CreatedAt);
        if (InstitutionRules.Faults(institution) is { Count: > 0 } faults) return Invalid(faults);

        // With If-Match the writer has seen what is replaced; without it, what was just read.
        var expected = request.Headers.IfMatch is [{ } tag] ? tag.Trim('"') : stored.ETag;
        var etag = await institutions.PutAsync(institution, Match.Version(expected), cancellationToken);
        await audit.DoneAsync(admission.Actor, code, "institution.change", code, cancellationToken);
        request.HttpContext.Response.Headers.ETag = $"\"{etag}\"";
        return Answer.Json(institution);
    }

    private static Institution Build(string code, InstitutionBody body, DateTimeOffset createdAt) => new(
        1, code, body.Name?.Trim() ?? "", body.NameEn, body.SocialCreditCode, body.TimeZone ?? "Asia/Shanghai", body.LegalProfile ?? LegalProfile.CnStrict, body.Campuses ?? [], createdAt);

    private static Problem Invalid(IReadOnlyList<string> fields) =>
        Problem.Of(400, "institution-invalid", "Some fields cannot be taken.", "部分字段不符合要求。", ("fields", fields));
}
