using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Identity;

/// <summary>
/// Accounts of an institution, for its security administrator (<c>?institution=</c> names another one, for the operator's). A generated password
/// or secret is in the answer that made it and nowhere else.
/// </summary>
public sealed class AccountsHttp(Gate gate, AccountDirectory accounts, InstitutionDirectory institutions, ExternalIssuers issuers, AuditRecorder audit, TimeProvider time)
{
    public sealed record NewAccount(string? Login, string? Name, IReadOnlyList<Role>? Roles, string? Password);

    public sealed record AccountChange(string? Name, IReadOnlyList<Role>? Roles, bool? Disabled);

    public sealed record NewPassword(string? Password);

    public sealed record Logins(IReadOnlyList<ExternalLogin>? Items);

    public sealed record AccountView(
        string Id, string Institution, string User, string Name, AccountKind Kind, IReadOnlyList<Role> Roles, bool Disabled, DateTimeOffset CreatedAt,
        IReadOnlyList<ExternalLogin> ExternalLogins, string? Password = null);

    [Function("accounts-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/accounts")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await accounts.ListAsync(admission.Institution, paging.Limit, paging.Next, cancellationToken);
        return paging.List<AccountView>([.. page.Items.Select(i => View(i.Value))], page.Continuation);
    }

    [Function("accounts-create")]
    public async Task<IActionResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/accounts")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<NewAccount>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var wanted = body.Value!;
        var institution = admission.Institution;
        if (institution != Actor.PlatformInstitution && await institutions.FindAsync(institution, cancellationToken) is null) return Refusals.NotFound();
        var login = wanted.Login?.Trim().ToLowerInvariant();
        if (!AccountRules.IsLogin(login)) return Fault("account.login", "login");
        if (!AccountRules.IsName(wanted.Name)) return Fault("account.name", "name");
        var roles = wanted.Roles ?? [];
        var kind = roles.Contains(Role.Uploader) ? AccountKind.Client : AccountKind.Person;
        if (AccountRules.RoleFault(roles, kind, institution) is { } fault) return Fault(fault, "roles");
        if (wanted.Password is not null && (kind == AccountKind.Client ? "account.password-generated" : AccountRules.PasswordFault(wanted.Password, login!)) is { } weak) return Fault(weak, "password");
        var password = wanted.Password ?? Generate();
        try
        {
            var account = await accounts.CreateAsync(institution, login!, wanted.Name!, kind, roles, password, admission.Actor.Subject, cancellationToken);
            await audit.DoneAsync(admission.Actor, institution, "account.create", account.Id, cancellationToken, detail: [.. roles.Select(r => r.Wire())]);
            return Answer.Created($"/api/accounts/{account.Id}", View(account) with { Password = wanted.Password is null ? password : null });
        }
        catch (DocumentConflictException)
        {
            return Problem.Of(409, "account-exists", "The login is taken.", "该登录名已被使用。");
        }
    }

    [Function("accounts-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/accounts/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        return await accounts.FindAsync(admission.Institution, id, cancellationToken) is { } stored ? Answer.Json(View(stored.Value)) : Refusals.NotFound();
    }

    [Function("accounts-change")]
    public async Task<IActionResult> Change([HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "api/accounts/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<AccountChange>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (await accounts.FindAsync(admission.Institution, id, cancellationToken) is not { } stored) return Refusals.NotFound();
        if (Self(admission, stored)) return Fault("account.self", null, 403);
        var change = body.Value!;
        if (change.Name is not null && !AccountRules.IsName(change.Name)) return Fault("account.name", "name");
        if (change.Roles is { } roles && AccountRules.RoleFault(roles, stored.Value.Kind, stored.Value.Institution) is { } fault) return Fault(fault, "roles");
        var changed = await accounts.ChangeAsync(
            stored,
            a => a with
            {
                Name = change.Name ?? a.Name,
                Roles = change.Roles is null ? a.Roles : [.. change.Roles],
                DisabledAt = change.Disabled switch { true => a.DisabledAt ?? time.GetUtcNow(), false => null, null => a.DisabledAt },
            },
            cancellationToken);
        await audit.DoneAsync(
            admission.Actor, admission.Institution, "account.change", id, cancellationToken,
            detail: [.. changed.Roles.Select(r => r.Wire()), changed.DisabledAt is null ? "open" : "closed"]);
        return Answer.Json(View(changed));
    }

    [Function("accounts-password")]
    public async Task<IActionResult> ResetPassword(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/accounts/{id}/password")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadOptionalAsync(request, new NewPassword(null), cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (await accounts.FindAsync(admission.Institution, id, cancellationToken) is not { } stored) return Refusals.NotFound();
        if (Self(admission, stored)) return Fault("account.self", null, 403);
        var wanted = body.Value!.Password;
        if (wanted is not null && (stored.Value.Kind == AccountKind.Client ? "account.password-generated" : AccountRules.PasswordFault(wanted, stored.Value.Login)) is { } weak) return Fault(weak, "password");
        var password = wanted ?? Generate();
        var changed = await accounts.SetPasswordAsync(stored, password, cancellationToken);
        await audit.DoneAsync(admission.Actor, admission.Institution, "account.reset", id, cancellationToken);
        return Answer.Json(View(changed) with { Password = wanted is null ? password : null });
    }

    [Function("accounts-logins")]
    public async Task<IActionResult> SetLogins(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/accounts/{id}/logins")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<Logins>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        if (await accounts.FindAsync(admission.Institution, id, cancellationToken) is not { } stored) return Refusals.NotFound();
        if (Self(admission, stored)) return Fault("account.self", null, 403);
        var wanted = body.Value!.Items ?? [];
        if (wanted.Count > 10 || wanted.Any(l => string.IsNullOrEmpty(l.Subject) || l.Subject.Length > 256 || issuers.Find(l.Issuer ?? "")?.Institution != admission.Institution))
            return Fault("account.issuer", "items");
        if (await accounts.BindAsync(stored, wanted, cancellationToken) is not { } changed) return Problem.Of(409, "account-login-taken", "That identity signs in as another account.", "该身份已绑定其他账户。");
        await audit.DoneAsync(admission.Actor, admission.Institution, "account.logins", id, cancellationToken);
        return Answer.Json(View(changed));
    }

    internal static Problem Fault(string code, string? field, int status = 400) => field is null
        ? Problem.Of(status, code.Replace('.', '-'), English(code), Chinese(code))
        : Problem.Of(status, code.Replace('.', '-'), English(code), Chinese(code), ("field", field));

    private ValueTask<Admission> AdmitAsync(HttpRequest request, CancellationToken cancellationToken) =>
        gate.AdmitAsync(request, AccessAction.AccountManage, ObjectRef.Accounts(Institution(request)), cancellationToken);

    private static string? Institution(HttpRequest request) => request.Query["institution"] is [{ Length: > 0 } code] ? code : null;

    // Nobody changes their own rights, state or credentials here: that takes a second administrator.
    private static bool Self(Admission admission, Stored<Account> stored) => stored.Value.Subject == admission.Actor.Subject;

    private static string Generate() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));

    private static AccountView View(Account a) =>
        new(a.Id, a.Institution, a.SignInName, a.Name, a.Kind, a.Roles, a.DisabledAt is not null, a.CreatedAt, a.ExternalLogins);

    private static string English(string code) => code switch
    {
        "account.login" => "A login has 2 to 64 of a-z, 0-9, dot, dash and underscore.",
        "account.name" => "A name of at most 100 characters is required.",
        "account.roles-empty" or "account.roles-invalid" => "At least one known role is required, each once.",
        "account.roles-exclusive" => "An administrator, upload node or patient account holds that one role only.",
        "account.roles-kind" => "Only a program's account is an upload node, and it is nothing else.",
        "account.roles-institution" => "This role does not exist in this institution.",
        "account.password-short" => "A password has at least 10 characters.",
        "account.password-long" => "A password has at most 128 characters.",
        "account.password-weak" => "The password is too easy to guess.",
        "account.password-generated" => "A program's secret is generated.",
        "account.self" => "Another administrator has to change your own account.",
        "account.issuer" => "The issuer is not configured for this institution.",
        _ => "The account cannot be written like that.",
    };

    private static string Chinese(string code) => code switch
    {
        "account.login" => "登录名由 2 至 64 个小写字母、数字、点、横线或下划线组成。",
        "account.name" => "需要不超过 100 个字符的姓名。",
        "account.roles-empty" or "account.roles-invalid" => "至少需要一个已知角色，且不得重复。",
        "account.roles-exclusive" => "管理员、上传节点和患者账户只能拥有一个角色。",
        "account.roles-kind" => "上传节点只能是程序账户，且没有其他角色。",
        "account.roles-institution" => "该机构不存在此角色。",
        "account.password-short" => "密码至少 10 个字符。",
        "account.password-long" => "密码最多 128 个字符。",
        "account.password-weak" => "密码过于简单。",
        "account.password-generated" => "程序账户的密钥由系统生成。",
        "account.self" => "您自己的账户须由另一位管理员修改。",
        "account.issuer" => "该机构未配置此身份提供方。",
        _ => "账户内容不符合要求。",
    };
}
