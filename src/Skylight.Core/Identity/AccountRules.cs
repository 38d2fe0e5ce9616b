using System.Text.RegularExpressions;
using Skylight.Core.Access;

namespace Skylight.Core.Identity;

/// <summary>Which accounts may exist. Separation of duties is a property of the account, not of a request.</summary>
public static partial class AccountRules
{
    /// <summary>Shortest password a person may choose.</summary>
    public const int MinPasswordLength = 10;

    private static readonly Role[] Alone = [Role.SystemAdmin, Role.InstitutionAdmin, Role.SecurityAdmin, Role.AuditAdmin, Role.Uploader, Role.Patient];

    public static bool IsLogin(string? login) => login is not null && LoginForm().IsMatch(login);

    public static bool IsName(string? name) => !string.IsNullOrWhiteSpace(name) && name.Length <= 100 && !name.Any(char.IsControl);

    /// <summary>A stable code of what is wrong with a set of roles, or null.</summary>
    public static string? RoleFault(IReadOnlyCollection<Role> roles, AccountKind kind, string institution)
    {
        if (roles.Count == 0) return "account.roles-empty";
        if (roles.Distinct().Count() != roles.Count || roles.Any(r => !Enum.IsDefined(r))) return "account.roles-invalid";

        // GB/T 22239-2019 8.1.4.2 d: no administrator is another one too, or sees clinical content; a patient's account is no staff account.
        if (roles.Count > 1 && roles.Any(Alone.Contains)) return "account.roles-exclusive";
        if (roles.Contains(Role.Uploader) != (kind == AccountKind.Client)) return "account.roles-kind";
        var platform = institution == Actor.PlatformInstitution;
        return roles.Contains(Role.SystemAdmin) && !platform || platform && !roles.All(r => r is Role.SystemAdmin or Role.SecurityAdmin or Role.AuditAdmin)
            ? "account.roles-institution"
            : null;
    }

    /// <summary>A stable code of what is wrong with a password, or null.</summary>
    public static string? PasswordFault(string? password, string login) =>
        password is null || password.Length < MinPasswordLength ? "account.password-short"
        : password.Length > 128 ? "account.password-long"
        : password.Contains(login, StringComparison.OrdinalIgnoreCase) || password.Distinct().Count() < 5 ? "account.password-weak"
        : null;

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{1,63}\\z")]
    private static partial Regex LoginForm();
}
