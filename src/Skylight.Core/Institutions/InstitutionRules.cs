using System.Text.RegularExpressions;
using Skylight.Core.Access;

namespace Skylight.Core.Institutions;

/// <summary>What an institution record must satisfy before it is written.</summary>
public static partial class InstitutionRules
{
    private const string CreditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    private static readonly int[] CreditWeights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

    /// <summary>The code's form, and not the operator's own.</summary>
    public static bool IsCode(string? code) => code is not null && CodeForm().IsMatch(code) && code != Actor.PlatformInstitution;

    /// <summary>Names of the faulty fields; empty when the record may be written.</summary>
    public static IReadOnlyList<string> Faults(Institution institution)
    {
        var faults = new List<string>();
        if (!IsCode(institution.Code)) faults.Add("code");
        if (!IsName(institution.Name)) faults.Add("name");
        if (institution.NameEn is not null && !IsName(institution.NameEn)) faults.Add("nameEn");
        if (institution.SocialCreditCode is { } credit && !IsSocialCreditCode(credit)) faults.Add("socialCreditCode");
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(institution.TimeZone ?? "", out _)) faults.Add("timeZone");
        if (!Enum.IsDefined(institution.LegalProfile)) faults.Add("legalProfile");
        if (institution.Campuses is null || institution.Campuses.Count > 100
            || institution.Campuses.Any(c => !IsPart(c.Code, c.Name) || c.Departments is null || c.Departments.Count > 500 || c.Departments.Any(d => !IsPart(d.Code, d.Name))
                || c.Departments.DistinctBy(d => d.Code).Count() != c.Departments.Count)
            || institution.Campuses.DistinctBy(c => c.Code).Count() != institution.Campuses.Count) faults.Add("campuses");
        return faults;
    }

    /// <summary>GB 32100-2015: 17 characters of its alphabet and a check character (weights 3^i mod 31).</summary>
    public static bool IsSocialCreditCode(string code)
    {
        if (code.Length != 18) return false;
        var sum = 0;
        for (var i = 0; i < 17; i++)
        {
            var value = CreditAlphabet.IndexOf(code[i], StringComparison.Ordinal);
            if (value < 0) return false;
            sum += value * CreditWeights[i];
        }

        return code[17] == CreditAlphabet[(31 - (sum % 31)) % 31];
    }

    private static bool IsName(string? name) => !string.IsNullOrWhiteSpace(name) && name.Length <= 200 && !name.Any(char.IsControl);

    private static bool IsPart(string? code, string? name) => code is not null && CodeForm().IsMatch(code) && IsName(name);

    [GeneratedRegex("^[a-z0-9-]{2,32}\\z")]
    private static partial Regex CodeForm();
}
