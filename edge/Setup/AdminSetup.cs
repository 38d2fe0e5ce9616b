using System.Security.Cryptography;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Hosting;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Edge.Hosting;
using Skylight.Local;

namespace Skylight.Edge.Setup;

/// <summary>
/// The only way to a first account: somebody with access to the data folder makes an administrator while the host is stopped. Everything else
/// is then done through the API, under that account's limits.
/// </summary>
internal static class AdminSetup
{
    public static async Task<int> RunAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var code = arguments["institution"] ?? throw new SetupException("--institution CODE is needed (platform for the operator's own accounts).", 64);
        var name = arguments["name"] ?? throw new SetupException("--name NAME is needed: whose account it is.", 64);
        if (!RoleNames.TryParse(arguments["role"] ?? "security-admin", out var role) || role is not (Role.SecurityAdmin or Role.SystemAdmin or Role.AuditAdmin))
            throw new SetupException("--role is one of security-admin, system-admin, audit-admin.", 64);
        var login = arguments["login"] ?? role.Wire();
        if (!AccountRules.IsLogin(login)) throw new SetupException("--login has 2 to 64 of a-z, 0-9, dot, dash and underscore.", 64);
        if (!AccountRules.IsName(name)) throw new SetupException("--name has at most 100 characters.", 64);
        if (AccountRules.RoleFault([role], AccountKind.Person, code) is not null) throw new SetupException($"The role {role.Wire()} does not exist in '{code}'; system-admin belongs to platform.", 64);

        using var folder = DataFolder.Open(arguments.DataFolder);
        await using var services = Services(folder.Path);
        var institutionMade = await EnsureInstitutionAsync(services, code, arguments, cancellationToken);
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        Account account;
        try
        {
            account = await services.GetRequiredService<AccountDirectory>().CreateAsync(code, login, name, AccountKind.Person, [role], password, "setup", cancellationToken);
        }
        catch (DocumentConflictException)
        {
            throw new SetupException($"{login}@{code} exists already. Choose another --login, or have a security administrator reset its password.");
        }

        await services.GetRequiredService<IAuditLog>().AppendAsync(
            code,
            new AuditEvent(1, services.GetRequiredService<TimeProvider>().GetUtcNow(), null, null, [], null, "account.create", null, null, null, account.Id, null, [role.Wire(), "setup"], RuleCatalogue.Version, "done"),
            cancellationToken);
        if (institutionMade) Console.WriteLine($"institution  {code}");
        Console.WriteLine($"role         {role.Wire()}");
        Console.WriteLine($"user         {account.SignInName}");
        Console.WriteLine($"password     {password}");
        Console.WriteLine("The password is shown this once. Change it after the first sign-in (POST /api/me/password).");
        return 0;
    }

    private static async Task<bool> EnsureInstitutionAsync(ServiceProvider services, string code, Arguments arguments, CancellationToken cancellationToken)
    {
        if (code == Actor.PlatformInstitution) return false;
        var institutions = services.GetRequiredService<InstitutionDirectory>();
        if (await institutions.FindAsync(code, cancellationToken) is not null) return false;
        var institution = new Institution(
            1, code, arguments["institution-name"] ?? code, null, null, arguments["time-zone"] ?? "Asia/Shanghai", LegalProfile.CnStrict, [], services.GetRequiredService<TimeProvider>().GetUtcNow());
        if (InstitutionRules.Faults(institution) is { Count: > 0 } faults) throw new SetupException($"The institution cannot be made; wrong: {string.Join(", ", faults)}.", 64);
        await institutions.PutAsync(institution, Match.None, cancellationToken);
        return true;
    }

    private static ServiceProvider Services(string dataFolder)
    {
        var configuration = new ConfigurationBuilder().AddDataFolder(dataFolder).Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddLogging();
        services.AddHosting(configuration);
        services.AddIdentity(configuration);
        services.AddInstitutions();
        services.AddLocalAdapters(dataFolder);
        return services.BuildServiceProvider();
    }
}
