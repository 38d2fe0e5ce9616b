namespace Skylight.Core.Institutions;

/// <summary>Which rule profile an institution stands under.</summary>
public enum LegalProfile
{
    /// <summary>PRC law in full; where GB/T 39725-2020 is laxer than the Personal Information Protection Law, the law holds.</summary>
    CnStrict,

    /// <summary>GB/T 39725-2020 alone.</summary>
    GbOnly,

    /// <summary>Outside the PRC; local rules are configured.</summary>
    International,
}

/// <summary>A hospital or clinic: the tenant, the custodian of its studies, and the partition of its records.</summary>
/// <param name="Code">Short code, <c>^[a-z0-9-]{2,32}$</c>; never changes.</param>
/// <param name="Name">Name in the institution's own language, usually Chinese.</param>
/// <param name="NameEn">Name in English, or null.</param>
/// <param name="SocialCreditCode">Unified social credit code (GB 32100-2015), or null where there is none.</param>
/// <param name="TimeZone">IANA zone; local DICOM times without (0008,0201) are read in it.</param>
public sealed record Institution(
    int V,
    string Code,
    string Name,
    string? NameEn,
    string? SocialCreditCode,
    string TimeZone,
    LegalProfile LegalProfile,
    IReadOnlyList<Campus> Campuses,
    DateTimeOffset CreatedAt);

/// <summary>A site of an institution.</summary>
public sealed record Campus(string Code, string Name, IReadOnlyList<Department> Departments);

/// <summary>A department on a campus.</summary>
public sealed record Department(string Code, string Name);
