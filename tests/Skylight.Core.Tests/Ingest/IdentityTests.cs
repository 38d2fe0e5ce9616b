using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Identity of things, case by case, over the real stores.</summary>
public sealed class IdentityTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Send_NewInstance_IsStoredByteExact()
    {
        var file = TestDicom.Ct();
        var outcome = await _bench.SendOne(file);
        Assert.Equal((OutcomeKind.Stored, "1.2.3.1.1", "1.2.3"), (outcome.Kind, outcome.SopInstanceUid, outcome.StudyInstanceUid));
        var study = await _bench.Study();
        Assert.Equal((1, StudyState.Receiving, "Zhang^San", "P1"), (study.Instances(), study.State, study.Attributes.PatientName, study.Attributes.PatientId));
        var entry = Assert.Single(await _bench.Entries(study));
        Assert.Equal((true, 1, 7, 2, 1), (entry.Current, entry.Revision, entry.InstanceNumber!.Value, entry.Rows, entry.Frames));
        Assert.Equal(file.ToBytes(), await _bench.Bytes(entry));
    }

    [Fact]
    public async Task Send_SameBytesAgain_IsDuplicate_AndStoresNothing()
    {
        await _bench.SendOne(TestDicom.Ct());
        var before = await _bench.Objects();
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.SendOne(TestDicom.Ct())).Kind);
        Assert.Equal(before.Order(), (await _bench.Objects()).Order());
        Assert.Equal(1, (await _bench.Study()).Revision);
    }

    [Fact]
    public async Task Send_SameDatasetInAnotherEncoding_IsDuplicate()
    {
        await _bench.SendOne(TestDicom.Ct());
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.SendOne(TestDicom.Ct().With(file => file.Preamble = false))).Kind);
    }

    [Fact]
    public async Task Send_SameInstanceTwiceInOneBatch_StoresItOnce()
    {
        var outcomes = await _bench.Send(TestDicom.Ct(), TestDicom.Ct());
        Assert.Equal([OutcomeKind.Stored, OutcomeKind.Duplicate], outcomes.Select(outcome => outcome.Kind));
        Assert.Equal(1, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Send_TwoRevisionsInOneBatch_ServesTheLaterAlone()
    {
        var outcomes = await _bench.Send(TestDicom.Ct(), TestDicom.Ct(name: "Zhang^San=张^三").Set(0x00081030, "LO", "Thorax"));
        Assert.Equal([OutcomeKind.Stored, OutcomeKind.Revision], outcomes.Select(outcome => outcome.Kind));
        var study = await _bench.Study();
        Assert.Equal((1, "Thorax"), (study.Instances(), study.Attributes.StudyDescription));
        var reader = new StudyReader(_bench.Store, _bench.Keys, _bench.Parts, NullLogger<StudyReader>.Instance);
        var served = await reader.ListAsync(study, Assert.Single(study.Series), default);
        Assert.Equal(2, Assert.Single(served).Revision);
    }

    [Theory]
    [InlineData(SourceTrust.Modality, SourceTrust.Modality, true)]
    [InlineData(SourceTrust.Modality, SourceTrust.Pacs, false)]
    [InlineData(SourceTrust.Pacs, SourceTrust.Other, false)]
    [InlineData(SourceTrust.Other, SourceTrust.Pacs, true)]
    [InlineData(SourceTrust.Pacs, SourceTrust.Modality, true)]
    public async Task Send_SamePixelsOtherAttributes_IsRevision_CurrentByTrust(SourceTrust first, SourceTrust second, bool wins)
    {
        await _bench.SendOne(TestDicom.Ct(), first);
        var outcome = await _bench.SendOne(TestDicom.Ct(name: "Zhang^San=张^三").Set(0x00081030, "LO", "Thorax"), second);
        Assert.Equal(OutcomeKind.Revision, outcome.Kind);
        var study = await _bench.Study();
        Assert.Equal(1, study.Instances());
        var entries = SeriesIndex.Merge([new SeriesIndex(await _bench.Entries(study))]);
        Assert.Equal(2, entries.Entries.Count);
        Assert.Equal(wins ? 2 : 1, Assert.Single(entries.Served).Revision);
        Assert.Equal(wins ? "Thorax" : "Chest", study.Attributes.StudyDescription);
        var rows = await _bench.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1"], default);
        Assert.Equal(wins ? [InstanceState.Superseded, InstanceState.Current] : [InstanceState.Current, InstanceState.Superseded], rows.Select(row => row.State));
        // Either revision sent again is known.
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.SendOne(TestDicom.Ct())).Kind);
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.SendOne(TestDicom.Ct(name: "Zhang^San=张^三").Set(0x00081030, "LO", "Thorax"))).Kind);
    }

    [Fact]
    public async Task Send_OtherPixels_IsHeld_BothKept_AndTheSameItemAgain()
    {
        await _bench.SendOne(TestDicom.Ct());
        var other = TestDicom.Ct().With(file => file.Pixels = [9, 9, 9, 9]);
        var held = await _bench.SendOne(other);
        Assert.Equal((OutcomeKind.Held, "pixels-differ"), (held.Kind, held.Reason!.Code));
        var again = await _bench.SendOne(other);
        Assert.Equal((OutcomeKind.Held, held.ItemId), (again.Kind, again.ItemId));
        var study = await _bench.Study();
        Assert.Equal((1, 1), (study.Instances(), study.Held));
        var entries = await _bench.Entries(study);
        Assert.Equal(1, entries.Single(entry => entry.Current).Revision);
        Assert.Equal(other.ToBytes(), await _bench.Bytes(entries.Single(entry => entry.State == EntryState.Held)));
        Assert.Equal(IntakeKind.HeldInstance, (await _bench.Items.GetAsync(IngestBench.A, held.ItemId!, default))!.Value.Kind);
    }

    [Fact]
    public async Task Send_SameUidInAnotherStudyOrSeries_IsHeld()
    {
        await _bench.SendOne(TestDicom.Ct());
        var other = await _bench.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1"));
        Assert.Equal((OutcomeKind.Held, "other-study"), (other.Kind, other.Reason!.Code));
        Assert.Equal("other-study", (await _bench.SendOne(TestDicom.Ct(series: "1.2.3.2"))).Reason!.Code);
        Assert.False((await _bench.Study("1.2.4")).IsVisible());
        Assert.Empty((await _bench.Catalog.QueryStudiesAsync(IngestBench.A, new StudyQuery { StudyInstanceUids = ["1.2.4"] }, 10, 0, null, default)).Items);
    }

    [Fact]
    public async Task Send_StudyOfAnotherPatient_IsHeldUnderProvisionalStudy()
    {
        await _bench.SendOne(TestDicom.Ct());
        var outcomes = await _bench.Send(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"), TestDicom.Ct(sop: "1.2.3.1.3", patient: "P2"));
        Assert.All(outcomes, outcome => Assert.Equal((OutcomeKind.Held, "patient-mismatch"), (outcome.Kind, outcome.Reason!.Code)));
        var itemId = Assert.Single(outcomes.Select(outcome => outcome.ItemId).Distinct());
        var item = (await _bench.Items.GetAsync(IngestBench.A, itemId!, default))!.Value;
        var provisional = (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, item.ProvisionalKey!, default))!.Value;
        Assert.Equal((2, false), (provisional.Held, provisional.IsVisible()));
        Assert.Equal(1, (await _bench.Study()).Instances());
        Assert.Equal(2, (await _bench.Entries(provisional)).Count);
        var again = await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"));
        Assert.Equal((OutcomeKind.Held, itemId), (again.Kind, again.ItemId));
        Assert.Equal(2, (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, item.ProvisionalKey!, default))!.Value.Held);
    }

    [Fact]
    public async Task Send_TwoPatientsInOneBatch_HoldsTheSecond()
    {
        var outcomes = await _bench.Send(TestDicom.Ct(), TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"), TestDicom.Ct(sop: "1.2.3.1.3"));
        Assert.Equal([OutcomeKind.Stored, OutcomeKind.Held, OutcomeKind.Stored], outcomes.Select(outcome => outcome.Kind));
    }

    [Theory]
    [InlineData("p1", null)]
    [InlineData(" P1 ", null)]
    [InlineData("Ｐ１", null)]
    [InlineData("P1", "HIS")]
    public async Task Send_SamePatientInAnotherSpelling_IsTheSame(string id, string? issuer)
    {
        await _bench.SendOne(TestDicom.Ct());
        var file = TestDicom.Ct(sop: "1.2.3.1.2", patient: id);
        if (issuer is not null) file.Set(0x00100021, "LO", issuer);
        Assert.Equal(OutcomeKind.Stored, (await _bench.SendOne(file)).Kind);
    }

    [Fact]
    public async Task Send_SameIdOfAnotherIssuer_IsAnotherPatient()
    {
        await _bench.SendOne(TestDicom.Ct().Set(0x00100021, "LO", "HIS"));
        Assert.Equal("patient-mismatch", (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2").Set(0x00100021, "LO", "OTHER"))).Reason!.Code);
    }

    [Fact]
    public async Task Send_MergedPatient_IsTheSameThroughLinks()
    {
        var first = await _bench.SendOne(TestDicom.Ct());
        await _bench.SendOne(TestDicom.Ct(study: "1.2.9", series: "1.2.9.1", sop: "1.2.9.1.1", patient: "P2"));
        var (one, two) = ((await _bench.Study()).PatientKey, (await _bench.Study("1.2.9")).PatientKey);
        Assert.True(await _bench.Patients.LinkAsync(IngestBench.A, one, two, default));
        Assert.True(await _bench.Patients.LinkAsync(IngestBench.A, two, one, default));
        Assert.Equal([one, two], (await _bench.Patients.AliasesAsync(IngestBench.A, one, default)).Order(StringComparer.Ordinal) is var keys ? keys.OrderBy(key => key == one ? 0 : 1) : []);
        Assert.Equal(OutcomeKind.Stored, (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"))).Kind);
        Assert.True(first.IsSuccess);
    }

    [Fact]
    public async Task Send_OtherNameSexBirthDate_AreFindingsOnly()
    {
        await _bench.SendOne(TestDicom.Ct());
        var outcome = await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2", name: "Unknown^Emergency").Set(0x00100040, "CS", "F").Set(0x00100030, "DA", "19700102"));
        Assert.Equal(OutcomeKind.Stored, outcome.Kind);
        Assert.Superset(new HashSet<string> { "patient-name-differs", "patient-sex-differs", "patient-birth-date-differs" }, outcome.Findings.ToHashSet());
    }

    [Fact]
    public async Task Send_WithoutPatientId_MakesAProvisionalPatient_WhoIsIdentifiedLater()
    {
        await _bench.SendOne(TestDicom.Ct(patient: ""));
        var study = await _bench.Study();
        Assert.True(study.PatientProvisional);
        Assert.True((await _bench.Patients.GetAsync(IngestBench.A, study.PatientKey, default))!.Value.Provisional);
        Assert.Equal(OutcomeKind.Stored, (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2"))).Kind);
        var identified = await _bench.Study();
        Assert.False(identified.PatientProvisional);
        Assert.Equal("P1", identified.Attributes.PatientId);
        Assert.Equal(identified.PatientKey, await _bench.Patients.ResolveAsync(IngestBench.A, study.PatientKey, default));
        Assert.Equal(OutcomeKind.Stored, (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.3", patient: ""))).Kind);
    }

    [Fact]
    public async Task Send_PrivateClassAndSyntaxAndOddUids_IsStoredWithFindings()
    {
        var file = TestDicom.Ct(study: "not a uid", series: "1.02.3", sop: "1.2.826.0.1.99999").Set(0x00080016, "UI", "1.3.12.2.1107.5.9.1");
        file.Syntax = "1.2.840.113619.5.2.99";
        var outcome = await _bench.SendOne(file);
        Assert.Equal(OutcomeKind.Stored, outcome.Kind);
        Assert.Contains("uid-malformed", outcome.Findings);
        Assert.Equal(file.ToBytes(), await _bench.Bytes(Assert.Single(await _bench.Entries(await _bench.Study("not a uid")))));
    }

    [Fact]
    public async Task Send_InTwoInstitutions_AreTwoStudies()
    {
        await _bench.SendOne(TestDicom.Ct());
        await using var batch = _bench.Service.Open(new IngestContext("hospital-b", IngestBench.Source(), null));
        await batch.AddInstanceAsync(TestDicom.Ct(patient: "P9").ToStream(), new IngestName("x"), default);
        Assert.Equal(OutcomeKind.Stored, (await batch.CommitAsync(default)).Files[0].Kind);
        var other = (await _bench.Catalog.GetStudyAsync("hospital-b", "1.2.3", default))!.Value;
        Assert.NotEqual((await _bench.Study()).StudyKey, other.StudyKey);
    }

    [Fact]
    public async Task Send_IntoDeletedStudy_IsHeld()
    {
        await _bench.SendOne(TestDicom.Ct());
        var study = await _bench.Study();
        await _bench.Commit.CommitAsync(new CommitBatch(StudyChange.Of(study, study with { Hidden = true }, []), []), default);
        foreach (var file in new[] { TestDicom.Ct(), TestDicom.Ct(sop: "1.2.3.1.2") })
            Assert.Equal("study-deleted", (await _bench.SendOne(file)).Reason!.Code);
        Assert.False((await _bench.Study()).IsVisible());
    }

    [Fact]
    public async Task Send_OfAnotherStudyThanNamed_IsRejectedWithoutTrace()
    {
        await using var batch = _bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null, "1.2.3"));
        await batch.AddInstanceAsync(TestDicom.Ct(study: "1.2.4").ToStream(), new IngestName("x"), default);
        await batch.AddInstanceAsync(TestDicom.Ct().ToStream(), new IngestName("y"), default);
        var files = (await batch.CommitAsync(default)).Files;
        Assert.Equal((OutcomeKind.Rejected, "wrong-study", null, "1.2.3.1.1"), (files[0].Kind, files[0].Reason!.Code, files[0].ItemId, files[0].SopInstanceUid));
        Assert.Equal(OutcomeKind.Stored, files[1].Kind);
        Assert.Null(await _bench.Catalog.GetStudyAsync(IngestBench.A, "1.2.4", default));
    }
}
