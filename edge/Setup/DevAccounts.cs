using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Setup;

/// <summary>
/// Development only: an invented institution with one account for each role. Runs when the host was started with <c>--dev</c>, refuses any
/// listener but loopback, and on a later start finds its accounts again.
/// </summary>
internal sealed class DevAccounts(
    EdgeSetup setup, IOptions<EdgeOptions> options, InstitutionDirectory institutions, AccountDirectory accounts, TimeProvider time) : IHostedService
{
    public const string Institution = "demo";

    private static readonly (Role Role, string Login, string Name)[] People =
    [
        (Role.SystemAdmin, "system-admin", "平台管理员"),
        (Role.InstitutionAdmin, "institution-admin", "机构管理员"),
        (Role.SecurityAdmin, "security-admin", "安全管理员"),
        (Role.AuditAdmin, "audit-admin", "审计管理员"),
        (Role.Radiologist, "radiologist", "林放射"),
        (Role.Clinician, "clinician", "陈临床"),
        (Role.Technician, "technician", "周技师"),
        (Role.MedicalRecords, "medical-records", "吴病案"),
        (Role.Uploader, "uploader", "上传节点"),
        (Role.Patient, "patient", "示例患者"),
    ];

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!IPAddress.TryParse(options.Value.Address, out var address) || !IPAddress.IsLoopback(address))
            throw new StartupException(["--dev makes accounts whose passwords lie in a file, so it works on a loopback address only."]);

        // The file first: whatever is cut short, no account exists whose password nobody has.
        var logins = await DevLogins.LoadAsync(setup.DataFolder, cancellationToken);
        if (logins is null)
        {
            logins = new DevLogins(1, Institution, [.. People.Select(p => new DevLogin(p.Role, $"{p.Login}@{Home(p.Role)}", p.Name, Password()))]);
            await logins.SaveAsync(setup.DataFolder, cancellationToken);
        }

        if (await institutions.FindAsync(Institution, cancellationToken) is null)
        {
            await institutions.PutAsync(
                new(1, Institution, "云上示范医院", "Skylight Demo Hospital", null, "Asia/Shanghai", LegalProfile.CnStrict,
                    [new("main", "总院", [new("radiology", "放射科"), new("outpatient", "门诊部")])], time.GetUtcNow()),
                Match.None,
                cancellationToken);
        }

        foreach (var login in logins.Accounts)
        {
            if (await accounts.FindBySignInNameAsync(login.User, cancellationToken) is not null) continue;
            var at = login.User.LastIndexOf('@');
            var kind = login.Role == Role.Uploader ? AccountKind.Client : AccountKind.Person;
            await accounts.CreateAsync(login.User[(at + 1)..], login.User[..at], login.Name, kind, [login.Role], login.Password, "setup", cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static string Home(Role role) => role == Role.SystemAdmin ? Actor.PlatformInstitution : Institution;

    private static string Password() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(10));
}
