using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using Skylight.Core.Access;
using Outcome = Skylight.Core.Access.Outcome;

namespace Skylight.Core.Tests.Access;

public sealed class AccessPolicyTests
{
    private const string Own = "hospital-a";
    private const string Other = "hospital-b";
    private const string Uid = "1.2.3";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    public enum Stand
    {
        None,
        Treating,
        Attending,
        Expired,
        NotYet,
        Revoked,
        OtherPatient,
        OtherAccount,
        StudyOnly,
        Linked,
        LinkUnverified,
        LinkRevoked,
        LinkOther,
    }

    /// <summary>Who may do what to a study of level 4 of the own institution with no relation at all: the whole table.</summary>
    [Theory]
    [InlineData(Role.SystemAdmin, "")]
    [InlineData(Role.InstitutionAdmin, "InstitutionManage RelationManage SelfRead StatisticsRead TierManage")]
    [InlineData(Role.SecurityAdmin, "AccountManage MaintenanceManage SelfRead")]
    [InlineData(Role.AuditAdmin, "AuditRead SelfRead")]
    [InlineData(Role.Radiologist, "StudySearch StudyRead FrameRead OriginalRead RetentionRead CorrectionPropose SelfRead")]
    [InlineData(Role.Clinician, "SelfRead")]
    [InlineData(Role.Technician, "UploadCreate UploadComplete UploadRead IntakeHandle StudyStore StudyDelete OriginalRead DeletionHandle RetentionRead CorrectionPropose VersionRestore SelfRead")]
    [InlineData(Role.MedicalRecords, "StudyDelete DeletionHandle RetentionRead HoldManage ErasureRequest ErasureDecide CorrectionPropose CorrectionDecide VersionRestore SelfRead")]
    [InlineData(Role.Uploader, "UploadCreate UploadComplete UploadRead StudyStore SelfRead")]
    [InlineData(Role.Patient, "SelfRead")]
    public void Role_WithoutRelation_MayExactlyThis(Role role, string actions)
    {
        var actor = Who(role);
        var expected = actions.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        if (role == Role.SystemAdmin) (actor, expected) = (actor with { Institution = Actor.PlatformInstitution }, ["SystemManage", "InstitutionManage"]);
        foreach (var action in Enum.GetValues<AccessAction>())
            Assert.True(expected.Contains(action.ToString()) == Decide(actor, action, Study()).Allows, $"{role} {action}");
    }

    [Fact]
    public void OtherInstitution_WithoutLink_IsClosedToEveryRoleAndAction()
    {
        foreach (var role in Enum.GetValues<Role>())
        {
            foreach (var action in Enum.GetValues<AccessAction>())
                Assert.False(Decide(Who(role), action, Study() with { Institution = Other }).Allows, $"{role} {action}");
        }
    }

    [Theory]
    [InlineData(Stand.None, false)]
    [InlineData(Stand.Treating, true)]
    [InlineData(Stand.Attending, true)]
    [InlineData(Stand.StudyOnly, true)]
    [InlineData(Stand.Expired, false)]
    [InlineData(Stand.NotYet, false)]
    [InlineData(Stand.Revoked, false)]
    [InlineData(Stand.OtherPatient, false)]
    [InlineData(Stand.OtherAccount, false)]
    [InlineData(Stand.Linked, false)]
    public void Clinician_ReadsOnlyThroughAnActiveCareRelationOfTheirOwn(Stand stand, bool allowed)
    {
        foreach (var action in new[] { AccessAction.StudyRead, AccessAction.FrameRead })
            Assert.Equal(allowed, Decide(Who(Role.Clinician), action, Study(), stand).Allows);
        Assert.False(Decide(Who(Role.Clinician), AccessAction.OriginalRead, Study(), stand).Allows);
        Assert.False(Decide(Who(Role.Clinician), AccessAction.StudyDelete, Study(), stand).Allows);
    }

    [Theory]
    [InlineData(Stand.None, false)]
    [InlineData(Stand.Linked, true)]
    [InlineData(Stand.LinkUnverified, false)]
    [InlineData(Stand.LinkRevoked, false)]
    [InlineData(Stand.LinkOther, false)]
    [InlineData(Stand.Treating, false)]
    public void Patient_ReadsOnlyThroughAVerifiedLinkOfTheirOwn_InAnyInstitution(Stand stand, bool allowed)
    {
        foreach (var institution in new[] { Own, Other })
        {
            Assert.Equal(allowed, Decide(Who(Role.Patient), AccessAction.StudyRead, Study() with { Institution = institution }, stand).Allows);
            Assert.False(Decide(Who(Role.Patient), AccessAction.StudyStore, Study() with { Institution = institution }, stand).Allows);
        }
    }

    [Theory]
    [InlineData(Role.Radiologist, Stand.None, false)]
    [InlineData(Role.Radiologist, Stand.Treating, false)]
    [InlineData(Role.Radiologist, Stand.Attending, true)]
    [InlineData(Role.Clinician, Stand.Treating, false)]
    [InlineData(Role.Clinician, Stand.Attending, true)]
    [InlineData(Role.Patient, Stand.Linked, true)]
    public void Level5_IsForTheAttendingAndTheSubject(Role role, Stand stand, bool allowed) =>
        Assert.Equal(allowed, Decide(Who(role), AccessAction.StudyRead, Study() with { Level = 5 }, stand).Allows);

    [Theory]
    [InlineData(AccessAction.UploadRead)]
    [InlineData(AccessAction.UploadComplete)]
    public void Uploader_SeesItsOwnUploadsOnly_TechnicianAllOfTheInstitution(AccessAction action)
    {
        var own = ObjectRef.Upload(Own, Who(Role.Uploader).Subject);
        var foreign = ObjectRef.Upload(Own, "hospital-a/somebody");
        Assert.True(Decide(Who(Role.Uploader), action, own).Allows);
        Assert.False(Decide(Who(Role.Uploader), action, foreign).Allows);
        Assert.True(Decide(Who(Role.Technician), action, foreign).Allows);
        Assert.False(Decide(Who(Role.Technician), action, foreign with { Institution = Other }).Allows);
    }

    [Fact]
    public void PlatformAdministrators_ManageEveryInstitution_ButNothingClinicalAnywhere()
    {
        var system = Who(Role.SystemAdmin) with { Institution = Actor.PlatformInstitution };
        var security = Who(Role.SecurityAdmin) with { Institution = Actor.PlatformInstitution };
        Assert.True(Decide(system, AccessAction.InstitutionManage, ObjectRef.InstitutionRecord(Own)).Allows);
        Assert.True(Decide(security, AccessAction.AccountManage, ObjectRef.Accounts(Own)).Allows);
        Assert.False(Decide(system, AccessAction.AccountManage, ObjectRef.Accounts(Own)).Allows);
        Assert.False(Decide(security, AccessAction.AuditRead, ObjectRef.Audit(Own)).Allows);
        foreach (var action in new[] { AccessAction.StudyRead, AccessAction.StudySearch, AccessAction.IntakeHandle, AccessAction.UploadRead, AccessAction.OriginalRead })
        {
            Assert.False(Decide(system, action, Study()).Allows);
            Assert.False(Decide(security, action, Study()).Allows);
        }
    }

    [Fact]
    public void Nobody_MayNothing()
    {
        foreach (var action in Enum.GetValues<AccessAction>()) Assert.False(Decide(Actor.Nobody, action, Study() with { Institution = "" }).Allows);
    }

    [Fact]
    public void Search_CarriesTheScopeObligation_WhereRelationsDecide()
    {
        Assert.Contains(Obligation.Scope, Decide(Who(Role.Clinician), AccessAction.StudySearch, ObjectRef.Studies(Own)).Obligations);
        Assert.Contains(Obligation.Scope, Decide(Who(Role.Patient), AccessAction.StudySearch, ObjectRef.Studies(Own)).Obligations);
        Assert.DoesNotContain(Obligation.Scope, Decide(Who(Role.Radiologist), AccessAction.StudySearch, ObjectRef.Studies(Own)).Obligations);
    }

    [Fact]
    public void EveryDecision_ExceptOnOneself_IsToBeAudited()
    {
        foreach (var role in Enum.GetValues<Role>())
        {
            foreach (var action in Enum.GetValues<AccessAction>().Where(a => a != AccessAction.SelfRead))
                Assert.Contains(Decide(Who(role), action, Study()).Obligations, o => o is Obligation.Audit or Obligation.AuditAggregated);
        }
    }

    [Fact]
    public void Combining_LawDenialIsFinal_StandardYieldsToADeviation_DesignDoesNot()
    {
        foreach (var force in Enum.GetValues<Force>())
        {
            var rules = Rules(Make("B", Effect.Basis), Make("D", Effect.Deny, force));
            var deviation = new Evidence([], [new("D", "committee", "why", Now.AddDays(1))]);
            Assert.Equal(Outcome.Deny, Combine(rules, Evidence.None).Outcome);
            Assert.Equal(force == Force.Standard ? Outcome.Permit : Outcome.Deny, Combine(rules, deviation).Outcome);
            Assert.Equal(Outcome.Deny, Combine(rules, deviation with { Deviations = [deviation.Deviations[0] with { Until = Now }] }).Outcome);
            Assert.Equal(Outcome.Deny, Combine(rules, deviation with { Deviations = [deviation.Deviations[0] with { RuleId = "other" }] }).Outcome);
        }
    }

    [Fact]
    public void Combining_UnmetRequirementsAsk_ButOnlyOnABasis()
    {
        var require = Make("R", Effect.Require) with { Requirements = [Requirement.StepUp, Requirement.Consent] };
        Assert.Equal(Outcome.Deny, Combine(Rules(require), Evidence.None).Outcome);
        var ask = Combine(Rules(Make("B", Effect.Basis), require), new([Requirement.Consent], []));
        Assert.Equal((Outcome.Ask, Requirement.StepUp), (ask.Outcome, Assert.Single(ask.Requirements)));
        Assert.Null(ask.Basis);
        Assert.Equal(Outcome.Permit, Combine(Rules(Make("B", Effect.Basis), require), new([Requirement.Consent, Requirement.StepUp], [])).Outcome);
    }

    [Fact]
    public void Combining_AMaskingObligationMakesTheAnswerMask()
    {
        var mask = Make("M", Effect.Oblige) with { Obligations = [Obligation.MaskIdentity] };
        Assert.Equal(Outcome.Mask, Combine(Rules(Make("B", Effect.Basis), mask), Evidence.None).Outcome);
        Assert.Equal(Outcome.Deny, Combine(Rules(mask), Evidence.None).Outcome);
    }

    [Fact]
    public void Combining_IsDenyWithoutABasis_AndMoreDenialsNeverPermitMore()
    {
        var kinds = Gen.Elements(Enum.GetValues<Effect>());
        var forces = Gen.Elements(Enum.GetValues<Force>());
        var rule = from effect in kinds from force in forces from id in Gen.Choose(0, 999) select Make($"r{id}", effect, force);
        Prop.ForAll(Gen.ListOf(rule).ToArbitrary(), list =>
        {
            var rules = Rules([.. list]);
            var decision = Combine(rules, Evidence.None);
            var expected = !list.Any(r => r.Effect == Effect.Deny) && list.Any(r => r.Effect == Effect.Basis);
            Assert.Equal(expected, decision.Allows);
            Assert.Equal(expected, decision.Basis is not null);
            Assert.False(Combine(rules.Add(Make("x", Effect.Deny)), Evidence.None).Allows);
            Assert.Equal(decision.Allows, Combine([.. rules.Reverse()], Evidence.None).Allows);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Catalogue_HasUniqueIds_AndAVersionThatFollowsItsContent()
    {
        Assert.Equal(RuleCatalogue.Rules.Length, RuleCatalogue.Rules.Select(r => r.Id).Distinct().Count());
        Assert.Matches("^1\\.[0-9a-f]{12}$", RuleCatalogue.Version);
    }

    [Fact]
    public void Scope_IncludesWhatRelationsReach()
    {
        var relations = new[] { Care(Stand.Treating)!, Care(Stand.StudyOnly)! with { StudyKey = "s9" }, Care(Stand.Expired)! with { PatientKey = "gone" } };
        var scope = AccessScope.OfCare(relations, Now);
        Assert.True(scope.Includes("any", "p1"));
        Assert.True(scope.Includes("s9", "any"));
        Assert.False(scope.Includes("any", "gone"));
        Assert.False(scope.Includes("any", "p1", level: 5));
        Assert.True(AccessScope.OfCare([Care(Stand.Attending)!], Now).Includes("any", "p1", level: 5));
        Assert.True(AccessScope.OfPerson([Link(Stand.Linked)!], Now).Includes("any", "p1", level: 5));
        Assert.True(AccessScope.OfPerson([Link(Stand.LinkRevoked)!], Now).IsEmpty);
        Assert.True(AccessScope.All.Includes("any", "any"));
        Assert.False(AccessScope.All.Includes("any", "any", level: 5));
        Assert.False(AccessScope.Nothing.Includes("any", "any"));
    }

    private static Actor Who(Role role) => new("me", Own, [role], "session");

    private static ObjectRef Study() => new(ObjectKind.Study, Own, Uid, "s1", "p1");

    private static Decision Decide(Actor actor, AccessAction action, ObjectRef obj, Stand stand = Stand.None)
    {
        var relation = new Relation(Care(stand) is { } care ? [care] : [], Link(stand) is { } link ? [link] : []);
        return AccessPolicy.Decide(actor, action, Purposes.For(actor, action), obj, relation, Evidence.None, Now);
    }

    private static CareRelation? Care(Stand stand)
    {
        var active = new CareRelation(1, "hospital-a/me", CareRelationKind.Treating, false, "p1", null, Now.AddDays(-1), Now.AddDays(1), "visit 7", "x", Now, null);
        return stand switch
        {
            Stand.Treating => active,
            Stand.Attending => active with { Attending = true },
            Stand.Expired => active with { Until = Now },
            Stand.NotYet => active with { From = Now.AddSeconds(1) },
            Stand.Revoked => active with { RevokedAt = Now },
            Stand.OtherPatient => active with { PatientKey = "p2" },
            Stand.OtherAccount => active with { Account = "hospital-a/other" },
            Stand.StudyOnly => active with { PatientKey = null, StudyKey = "s1" },
            _ => null,
        };
    }

    private static PersonLink? Link(Stand stand)
    {
        var verified = new PersonLink(1, "hospital-a/me", "p1", IdentityProof.DocumentInPerson, "form 3", "x", Now, Now, "x", null);
        return stand switch
        {
            Stand.Linked => verified,
            Stand.LinkUnverified => verified with { VerifiedAt = null },
            Stand.LinkRevoked => verified with { RevokedAt = Now },
            Stand.LinkOther => verified with { Person = "hospital-a/other" },
            _ => null,
        };
    }

    private static Rule Make(string id, Effect effect, Force force = Force.Design) => new(id, "", force, effect, [], [], [], Conditions.None, [], []);

    private static ImmutableArray<Rule> Rules(params Rule[] rules) => [.. rules];

    private static Decision Combine(ImmutableArray<Rule> rules, Evidence evidence) =>
        AccessPolicy.Decide(rules, "test", Who(Role.Radiologist), AccessAction.StudyRead, Purpose.Treatment, Study(), Relation.None, evidence, Now);
}
