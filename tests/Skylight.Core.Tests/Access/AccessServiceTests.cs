using Skylight.Core.Access;
using Skylight.Core.Institutions;
using Skylight.Core.Tests.Identity;

namespace Skylight.Core.Tests.Access;

public sealed class AccessServiceTests : IAsyncDisposable
{
    private readonly IdentityFixture _f = new();
    private readonly RelationRecords _relations;
    private readonly Subjects _subjects = new();
    private readonly FrameSessions _frames;
    private readonly AccessService _service;
    private readonly InstitutionDirectory _institutions;

    public AccessServiceTests()
    {
        _relations = new(_f.Documents, _subjects);
        _frames = new(_f.Audit, _f.Clock);
        _service = new(_relations, _subjects, _institutions = new(_f.Documents), _f.Audit, _frames, _f.Clock);
    }

    public ValueTask DisposeAsync() => _f.DisposeAsync();

    [Fact]
    public async Task CareRelation_OpensTheStudy_UntilRevokedOrOver()
    {
        var clinician = Who(Role.Clinician);
        Assert.False((await ReadAsync(clinician)).Allows);
        var stored = await _relations.AddAsync("hospital-a", Care(clinician, "p1"), null, default);
        Assert.True((await ReadAsync(clinician)).Allows);
        Assert.False((await ReadAsync(clinician with { AccountId = "other" })).Allows);
        _f.Clock.Now += TimeSpan.FromDays(8);
        Assert.False((await ReadAsync(clinician)).Allows);
        _f.Clock.Now -= TimeSpan.FromDays(8);
        await _relations.RevokeCareAsync("hospital-a", stored.Id, _f.Clock.Now, default);
        Assert.False((await ReadAsync(clinician)).Allows);
        Assert.Single((await _relations.ListCareAsync("hospital-a", clinician.Subject, 10, null, default)).Items);
    }

    [Fact]
    public async Task RelationToAMergedRecord_ReachesThePatient()
    {
        var clinician = Who(Role.Clinician);
        await _relations.AddAsync("hospital-a", Care(clinician, "p-old"), null, default);
        Assert.False((await ReadAsync(clinician)).Allows);
        _subjects.Patients = ["p1", "p-old"];
        Assert.True((await ReadAsync(clinician)).Allows);
        Assert.True((await SearchAsync(clinician)).Scope.Includes("any", "p1"));
    }

    [Fact]
    public async Task MissingStudy_AndForbiddenOne_MakeTheSameReadsAndRecords()
    {
        var clinician = Who(Role.Clinician);
        var forbidden = await ReadAsync(clinician);
        var missing = await ReadAsync(clinician, uid: "9.9.9");
        Assert.False(forbidden.Allows);
        Assert.False(missing.Allows);
        Assert.False(missing.MayKnow || forbidden.MayKnow);
        Assert.Equal(["hospital-a", "hospital-a"], _f.Audit.Entries.Select(e => e.Institution));
        Assert.All(_f.Audit.Entries, e => Assert.Equal("deny", e.Event.Outcome));
    }

    [Fact]
    public async Task MissingStudy_OfWhoMayReadAll_IsRecordedAsMissing()
    {
        Assert.False((await ReadAsync(Who(Role.Radiologist), uid: "9.9.9")).Allows);
        Assert.Equal("missing", Assert.Single(_f.Audit.Entries).Event.Outcome);
    }

    [Fact]
    public async Task RefusalElsewhere_IsRecordedAtHome_PermitWhereTheDataIs()
    {
        var patient = Who(Role.Patient);
        await AddInstitutionAsync("hospital-b");
        Assert.False((await ReadAsync(patient, institution: "hospital-b")).Allows);
        await _relations.AddAsync("hospital-b", new PersonLink(1, patient.Subject, "p1", IdentityProof.CardWithPin, "g", "x", _f.Clock.Now, _f.Clock.Now, "x", null), null, default);
        Assert.True((await ReadAsync(patient, institution: "hospital-b")).Allows);
        Assert.Equal([("hospital-a", "deny"), ("hospital-b", "permit")], _f.Audit.Entries.Select(e => (e.Institution, e.Event.Outcome)));
    }

    [Fact]
    public async Task Audit_CarriesKeysRulesAndSession_AndNoUid()
    {
        await ReadAsync(Who(Role.Radiologist));
        var entry = Assert.Single(_f.Audit.Entries).Event;
        Assert.Equal(("hospital-a/me", "s1", "p1", "studyRead", "treatment", "G7b2-REPORT", "session"), (entry.Actor, entry.StudyKey, entry.PatientKey, entry.Action, entry.Purpose, entry.Basis, entry.Session));
        Assert.Equal(RuleCatalogue.Version, entry.PolicyVersion);
        Assert.DoesNotContain("1.2.3", System.Text.Json.JsonSerializer.Serialize(entry), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RefusedActionOnAStudyThatMayBeRead_MayKnow()
    {
        var result = await _service.DecideAsync(Who(Role.Radiologist), AccessAction.StudyDelete, ObjectRef.Study(null, "1.2.3"), true, default);
        Assert.False(result.Allows);
        Assert.True(result.MayKnow);
        Assert.False((await _service.DecideAsync(Who(Role.Clinician), AccessAction.StudyDelete, ObjectRef.Study(null, "1.2.3"), true, default)).MayKnow);
        Assert.False((await _service.DecideAsync(Who(Role.Radiologist), AccessAction.StudyDelete, ObjectRef.Study(null, "9.9.9"), true, default)).MayKnow);
    }

    [Fact]
    public async Task Search_OfAnotherInstitutionWithoutLink_IsNotThere()
    {
        await AddInstitutionAsync("hospital-b");
        Assert.True((await SearchAsync(Who(Role.Patient))).Allows);
        Assert.False((await SearchAsync(Who(Role.Patient), "hospital-b")).Allows);
        Assert.False((await SearchAsync(Who(Role.Radiologist), "hospital-b")).Allows);
    }

    [Fact]
    public async Task Frames_OfOneSession_AreOneEntryAndACount()
    {
        var radiologist = Who(Role.Radiologist);
        for (var i = 0; i < 50; i++) Assert.True((await FrameAsync(radiologist)).Allows);
        await FrameAsync(radiologist with { Session = "second" });
        Assert.Equal(2, _f.Audit.Entries.Count);
        _f.Clock.Now += FrameSessions.Window;
        await _frames.FlushAsync(all: false, default);
        Assert.Equal([null, null, 49], _f.Audit.Entries.Select(e => e.Event.Count));
        await FrameAsync(radiologist);
        Assert.Equal(4, _f.Audit.Entries.Count);
    }

    [Fact]
    public async Task Frames_AreCountedExactly_WhenTheyArriveTogether()
    {
        var radiologist = Who(Role.Radiologist);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => FrameAsync(radiologist))));
        await _frames.FlushAsync(all: true, default);
        Assert.Equal(200, _f.Audit.Entries.Sum(e => e.Event.Count ?? 1));
    }

    [Fact]
    public async Task RefusedFrames_AreRecordedEach()
    {
        for (var i = 0; i < 3; i++) await FrameAsync(Who(Role.Clinician));
        Assert.Equal(3, _f.Audit.Entries.Count);
    }

    [Fact]
    public async Task SameIdempotencyKey_AddsOnce()
    {
        var first = await _relations.AddAsync("hospital-a", Care(Who(Role.Clinician), "p1"), "k", default);
        var second = await _relations.AddAsync("hospital-a", Care(Who(Role.Clinician), "p1"), "k", default);
        Assert.Equal(first.Id, second.Id);
        Assert.Single((await _relations.ListCareAsync("hospital-a", null, 10, null, default)).Items);
    }

    [Fact]
    public async Task UnknownInstitution_IsNotThere_EvenForTheOperator_AndLeavesNoTraceOfItsOwn()
    {
        var security = Who(Role.SecurityAdmin) with { Institution = Actor.PlatformInstitution };
        Assert.False((await _service.DecideAsync(security, AccessAction.AccountManage, ObjectRef.Accounts("../x"), true, default)).Allows);
        Assert.Equal(("platform", "missing"), _f.Audit.Entries.Select(e => (e.Institution, e.Event.Outcome)).Single());
        await AddInstitutionAsync("hospital-b");
        Assert.True((await _service.DecideAsync(security, AccessAction.AccountManage, ObjectRef.Accounts("hospital-b"), true, default)).Allows);
    }

    [Theory]
    [InlineData(Role.MedicalRecords, AccessAction.HoldManage, true)]
    [InlineData(Role.MedicalRecords, AccessAction.RetentionRead, true)]
    [InlineData(Role.Technician, AccessAction.RetentionRead, true)]
    [InlineData(Role.Technician, AccessAction.HoldManage, false)]
    [InlineData(Role.Radiologist, AccessAction.RetentionRead, false)]
    [InlineData(Role.Radiologist, AccessAction.HoldManage, false)]
    [InlineData(Role.Patient, AccessAction.HoldManage, false)]
    public async Task HiddenStudy_IsThereForThoseWhoHandleDeletions_WhereItIsMeantToo(Role role, AccessAction action, bool found)
    {
        _subjects.Hidden = true;
        var kept = await _service.DecideAsync(Who(role), action, ObjectRef.KeptStudy("1.2.3"), true, default);
        Assert.Equal((found, false), (kept.Allows, kept.MayKnow));
        var viewed = await _service.DecideAsync(Who(role), action, ObjectRef.Study(null, "1.2.3"), true, default);
        Assert.Equal((false, false, false), (viewed.Allows, viewed.Found, viewed.MayKnow));
    }

    private async Task AddInstitutionAsync(string code) =>
        await _institutions.PutAsync(new(1, code, "第二医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], _f.Clock.Now), Skylight.Core.Documents.Match.None, default);

    private static Actor Who(Role role) => new("me", "hospital-a", [role], "session");

    private CareRelation Care(Actor who, string patient) =>
        new(1, who.Subject, CareRelationKind.Treating, false, patient, null, _f.Clock.Now, _f.Clock.Now.AddDays(7), "visit", "x", _f.Clock.Now, null);

    private Task<AccessResult> ReadAsync(Actor actor, string? institution = null, string uid = "1.2.3") =>
        _service.DecideAsync(actor, AccessAction.StudyRead, ObjectRef.Study(institution, uid), true, default).AsTask();

    private Task<AccessResult> FrameAsync(Actor actor) => _service.DecideAsync(actor, AccessAction.FrameRead, ObjectRef.Study(null, "1.2.3"), true, default).AsTask();

    private Task<AccessResult> SearchAsync(Actor actor, string? institution = null) =>
        _service.DecideAsync(actor, AccessAction.StudySearch, ObjectRef.Studies(institution), true, default).AsTask();

    private sealed class Subjects : IStudySubjects
    {
        public IReadOnlyList<string> Patients { get; set; } = ["p1"];

        public bool Hidden { get; set; }

        public ValueTask<StudySubject?> FindAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
            ValueTask.FromResult(studyInstanceUid == "1.2.3" ? new StudySubject("s1", Patients, 4, Hidden) : null);

        public ValueTask<IReadOnlyList<string>> AliasesAsync(string institution, string patientKey, CancellationToken cancellationToken) =>
            ValueTask.FromResult(Patients.Contains(patientKey) ? Patients : [patientKey]);
    }
}
