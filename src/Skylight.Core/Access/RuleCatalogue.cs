using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static Skylight.Core.Access.AccessAction;
using static Skylight.Core.Access.Conditions;
using static Skylight.Core.Access.Force;
using static Skylight.Core.Access.Role;

namespace Skylight.Core.Access;

/// <summary>The rules in force. Adding a duty is adding a row; <see cref="AccessPolicy.Decide"/> does not change.</summary>
public static class RuleCatalogue
{
    private static readonly ImmutableArray<AccessAction> Clinical =
        [UploadCreate, UploadComplete, UploadRead, IntakeHandle, StudySearch, StudyRead, FrameRead, StudyStore, StudyDelete, OriginalRead,
            DeletionHandle, RetentionRead, HoldManage, ErasureRequest, ErasureDecide, CorrectionPropose, CorrectionDecide, VersionRestore];

    private static readonly ImmutableArray<AccessAction> Viewing = [StudySearch, StudyRead, FrameRead, OriginalRead];

    public static ImmutableArray<Rule> Rules { get; } =
    [
        // Refusals first: they hold whatever else applies.
        Deny("MLPS-AC-d", "GB/T 22239-2019 8.1.4.2 d: administrators are separate from each other and from clinical content", Law,
            [SystemAdmin, InstitutionAdmin, SecurityAdmin, AuditAdmin], Clinical, None),
        Deny("SEP-1", "GB/T 22239-2019 8.1.4.2 d: accounts are the security administrator's, the trail the auditor's", Law,
            [SystemAdmin, InstitutionAdmin, AuditAdmin], [AccountManage], None),
        Deny("SEP-2", "GB/T 22239-2019 8.1.4.3: no administrator but the auditor reads the trail that records administrators", Law,
            [SystemAdmin, InstitutionAdmin, SecurityAdmin], [AuditRead], None),
        Deny("G6-L5", "GB/T 39725-2020 6.2: level 5 is for the attending staff only", Standard,
            [Radiologist, Clinician, Technician], Viewing, Level5 | NotAttending),
        Deny("G7c", "GB/T 39725-2020 7 c and PIPL 29: no marketing with health data", Law,
            [], Clinical, None, [Purpose.Marketing]),

        // Grounds.
        Basis("UP-1", "an upload node opens uploads", [Uploader], [UploadCreate], OwnInstitution, [Purpose.Treatment]),
        Basis("UP-2", "an upload node completes and follows its own uploads", [Uploader], [UploadComplete, UploadRead], OwnInstitution | OwnObject, [Purpose.Treatment]),
        Basis("UP-3", "an upload node stores by STOW-RS, which is an upload in one request", [Uploader], [StudyStore], OwnInstitution, [Purpose.Treatment]),
        Basis("TECH-1", "GB/T 39725-2020 7 b 2: a technician takes images in", [Technician],
            [UploadCreate, UploadComplete, UploadRead, IntakeHandle, StudyStore], OwnInstitution, [Purpose.Treatment]),
        Basis("TECH-2", "a technician withdraws what was taken in wrongly and compares it with the bytes received", [Technician],
            [StudyDelete, OriginalRead], OwnInstitution, [Purpose.Treatment]),
        Basis("G7b2-REPORT", "GB/T 39725-2020 7 b 2 and 6.2: the institution's reporting staff", [Radiologist],
            [StudySearch, StudyRead, FrameRead, OriginalRead], OwnInstitution, [Purpose.Treatment]),
        Basis("TECH-3", "a technician brings back what was withdrawn, and proposes corrections (GB/T 39725-2020 7 f)", [Technician],
            [DeletionHandle, RetentionRead, CorrectionPropose, VersionRestore], OwnInstitution, [Purpose.Treatment]),
        Basis("REP-1", "GB/T 39725-2020 7 f: who reports a study may propose to correct it", [Radiologist], [RetentionRead, CorrectionPropose], OwnInstitution, [Purpose.Treatment]),
        Basis("MR-1", "医疗机构病历管理规定 and GB/T 39725-2020 7 f: medical records keep, seal, correct and destroy the institution's records", [MedicalRecords],
            [StudyDelete, DeletionHandle, RetentionRead, HoldManage, ErasureRequest, ErasureDecide, CorrectionPropose, CorrectionDecide, VersionRestore], OwnInstitution, [Purpose.Treatment]),
        Basis("PIPL47", "PIPL 47: the subject asks for erasure, through a verified person link", [Patient], [ErasureRequest], Conditions.PersonLink, [Purpose.Subject]),
        Basis("G7b2-CARE", "GB/T 39725-2020 7 b 2 and 6.2: those who take part in the care, by record", [Clinician],
            [StudySearch, StudyRead, FrameRead], OwnInstitution | Conditions.CareRelation, [Purpose.Treatment]),
        Basis("G7b1", "GB/T 39725-2020 7 b 1, d, e: the subject, through a verified person link", [Patient],
            [StudySearch, StudyRead, FrameRead], Conditions.PersonLink, [Purpose.Subject]),
        Basis("ADM-SYS", "the operator manages the platform", [SystemAdmin], [SystemManage, InstitutionManage], PlatformActor, [Purpose.Administration]),
        Basis("ADM-INST", "an institution manages its record and its relations", [InstitutionAdmin],
            [InstitutionManage, RelationManage], OwnInstitution, [Purpose.Administration]),
        Basis("ADM-TIER", "an institution decides where and how its studies lie, and counts them", [InstitutionAdmin], [TierManage, StatisticsRead], OwnInstitution, [Purpose.Administration]),
        Basis("ADM-SEC", "the security administrator manages accounts", [SecurityAdmin], [AccountManage], OwnInstitution, [Purpose.Administration]),
        Basis("ADM-SEC-PLATFORM", "the operator's security administrator manages accounts of every institution (the first ones of a new one)",
            [SecurityAdmin], [AccountManage], PlatformActor, [Purpose.Administration]),
        Basis("ADM-SEC-KEYS", "GB/T 22239-2019 8.1.4.8: the security administrator sees to keys and integrity", [SecurityAdmin],
            [MaintenanceManage], OwnInstitution, [Purpose.Administration]),
        Basis("ADM-SEC-KEYS-PLATFORM", "the operator's security administrator does so for every institution", [SecurityAdmin],
            [MaintenanceManage], PlatformActor, [Purpose.Administration]),
        Basis("AUD-1", "the audit administrator reads the institution's trail", [AuditAdmin], [AuditRead], OwnInstitution, [Purpose.Oversight]),
        Basis("SELF", "everybody sees their own account and rights", [], [SelfRead], OwnInstitution | OwnObject, []),

        // Obligations.
        Oblige("AU-1", "GB/T 22239-2019 8.1.4.3 and GB/T 39725-2020 7 g: every use is recorded", Obligation.Audit, [],
            [.. Enum.GetValues<AccessAction>().Where(a => a is not FrameRead and not SelfRead)], None),
        Oblige("AU-2", "frame reads are recorded once a session", Obligation.AuditAggregated, [], [FrameRead], None),
        Oblige("SC-CARE", "a search shows the patients and studies of the care relations", Obligation.Scope, [Clinician], [StudySearch], NoParticularStudy),
        Oblige("SC-SUBJECT", "a search shows the person's own studies", Obligation.Scope, [Patient], [StudySearch], NoParticularStudy),
    ];

    /// <summary>Short digest of the whole table: two hosts with the same version decide alike.</summary>
    public static string Version { get; } = Digest();

    private static Rule Deny(string id, string source, Force force, ImmutableArray<Role> roles, ImmutableArray<AccessAction> actions, Conditions when, ImmutableArray<Purpose>? purposes = null) =>
        new(id, source, force, Effect.Deny, roles, actions, purposes ?? [], when, [], []);

    private static Rule Basis(string id, string source, ImmutableArray<Role> roles, ImmutableArray<AccessAction> actions, Conditions when, ImmutableArray<Purpose> purposes) =>
        new(id, source, Design, Effect.Basis, roles, actions, purposes, when, [], []);

    private static Rule Oblige(string id, string source, Obligation obligation, ImmutableArray<Role> roles, ImmutableArray<AccessAction> actions, Conditions when) =>
        new(id, source, Design, Effect.Oblige, roles, actions, [], when, [], [obligation]);

    private static string Digest()
    {
        var text = new StringBuilder();
        foreach (var rule in Rules)
        {
            text.Append(CultureInfo.InvariantCulture, $"{rule.Id}|{rule.Force}|{rule.Effect}|{rule.When}|");
            text.AppendJoin(',', rule.Roles).Append('|').AppendJoin(',', rule.Actions).Append('|').AppendJoin(',', rule.Purposes).Append('|');
            text.AppendJoin(',', rule.Requirements).Append('|').AppendJoin(',', rule.Obligations).Append('\n');
        }

        return "1." + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 6));
    }
}
