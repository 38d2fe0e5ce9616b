using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>What everybody may see and do about their own account.</summary>
public sealed class MeHttp(Gate gate, AccountDirectory accounts, InstitutionDirectory institutions, SignInService signIn, AuditRecorder audit, IOptions<IdentityOptions> options)
{
    public sealed record PasswordChange(string? Current, string? New);

    [Function("me")]
    public async Task<IActionResult> Me([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/me")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.SelfRead, ObjectRef.Accounts(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var actor = admission.Actor;
        if (await accounts.FindAsync(actor.Subject, cancellationToken) is not { } stored) return Refusals.NotFound();
        var institution = await institutions.FindAsync(actor.Institution, cancellationToken);
        return Answer.Json(new
        {
            subject = actor.Subject,
            user = stored.Value.SignInName,
            name = stored.Value.Name,
            roles = actor.Roles,
            institution = new { code = actor.Institution, name = institution?.Value.Name, nameEn = institution?.Value.NameEn, timeZone = institution?.Value.TimeZone },
        });
    }

    [Function("me-password")]
    [RequestLimit(4096)]
    public async Task<IActionResult> Password([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/me/password")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.SelfRead, ObjectRef.Accounts(null), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<PasswordChange>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (await accounts.FindAsync(admission.Actor.Subject, cancellationToken) is not { } stored) return Refusals.NotFound();
        if (stored.Value.Kind != AccountKind.Person) return Problem.Of(409, "account-kind", "A program's secret is renewed by the security administrator.", "程序账户的密钥由安全管理员更新。");
        if (AccountRules.PasswordFault(body.Value!.New, stored.Value.Login) is { } fault) return AccountsHttp.Fault(fault, "new");

        // The current password is asked for again, through the same throttle: a stolen token is not enough to take an account over.
        var check = await signIn.SignInAsync(
            stored.Value.SignInName, body.Value.Current ?? "", AccountKind.Person, ClientAddress.Of(request, options.Value.ForwardedForHops), cancellationToken);
        if (check.RetryAfter is { } wait) return LoginHttp.TooMany(wait);
        if (check.Account is null) return Problem.Of(403, "password-wrong", "The current password is not right.", "当前密码不正确。");
        if (await accounts.FindAsync(admission.Actor.Subject, cancellationToken) is not { } fresh) return Refusals.NotFound();
        await accounts.SetPasswordAsync(fresh, body.Value.New!, cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "account.password", stored.Id, cancellationToken);
        return Answer.Empty();
    }
}
