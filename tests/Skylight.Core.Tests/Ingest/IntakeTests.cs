using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;

namespace Skylight.Core.Tests.Ingest;

/// <summary>What a technician decides about held and quarantined content.</summary>
public sealed class IntakeTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    private async Task<FileOutcome> HeldInstance()
    {
        await _bench.SendOne(TestDicom.Ct());
        return await _bench.SendOne(Other());
    }

    private static TestDicom Other() => TestDicom.Ct().With(file => file.Pixels = [9, 9, 9, 9]);

    private async Task<FileOutcome> HeldStudy()
    {
        await _bench.SendOne(TestDicom.Ct());
        return (await _bench.Send(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"), TestDicom.Ct(sop: "1.2.3.1.3", patient: "P2")))[0];
    }

    private async Task<IntakeItem> Item(string? id) => (await _bench.Items.GetAsync(IngestBench.A, id!, default))!.Value;

    [Fact]
    public async Task Accept_OfHeldInstance_MakesItCurrent_AndKeepsTheOther()
    {
        var held = await HeldInstance();
        var result = await _bench.Intake.AcceptAsync(IngestBench.A, held.ItemId!, "tech", "checked", default);
        Assert.Null(result.Refusal);
        Assert.Equal((IntakeStatus.Accepted, "tech"), (result.Item!.Status, Assert.Single(result.Item.Decisions).By));
        var study = await _bench.Study();
        Assert.Equal((1, 0), (study.Instances(), study.Held));
        var merged = new SeriesIndex(await _bench.Entries(study));
        Assert.Equal(Other().ToBytes(), await _bench.Bytes(Assert.Single(merged.Served)));
        var rows = await _bench.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1"], default);
        Assert.Equal([InstanceState.Superseded, InstanceState.Current], rows.Select(row => row.State));
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.SendOne(Other())).Kind);
        Assert.Equal(IntakeRefusal.AlreadyDecided, (await _bench.Intake.RejectAsync(IngestBench.A, held.ItemId!, "tech", null, default)).Refusal);
    }

    [Fact]
    public async Task Reject_OfHeldInstance_RejectsTheSameContentFromThenOn()
    {
        var held = await HeldInstance();
        Assert.Null((await _bench.Intake.RejectAsync(IngestBench.A, held.ItemId!, "tech", null, default)).Refusal);
        Assert.Equal(0, (await _bench.Study()).Held);
        var again = await _bench.SendOne(Other());
        Assert.Equal((OutcomeKind.Rejected, "rejected-before", held.ItemId), (again.Kind, again.Reason!.Code, again.ItemId));
    }

    [Fact]
    public async Task Accept_OfHeldStudy_MovesItsInstancesIntoTheStudy()
    {
        var held = await HeldStudy();
        Assert.Null((await _bench.Intake.AcceptAsync(IngestBench.A, held.ItemId!, "tech", null, default)).Refusal);
        var study = await _bench.Study();
        Assert.Equal(3, study.Instances());
        Assert.Equal("P1", study.Attributes.PatientId);
        Assert.All(new SeriesIndex(await _bench.Entries(study)).Served, entry => Assert.Contains(study.StudyKey, entry.Pack.Name));
        var provisional = (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, (await Item(held.ItemId)).ProvisionalKey!, default))!.Value;
        Assert.Equal((0, true), (provisional.Held, provisional.Hidden));
        // Accepting did not make the patients one: what comes next is held again, and the item is open again.
        Assert.Equal(OutcomeKind.Held, (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.9", patient: "P2"))).Kind);
        Assert.Equal(IntakeStatus.Open, (await Item(held.ItemId)).Status);
    }

    [Fact]
    public async Task Link_OfHeldStudy_MakesThePatientsOne()
    {
        var held = await HeldStudy();
        Assert.Null((await _bench.Intake.LinkAsync(IngestBench.A, held.ItemId!, "tech", null, null, default)).Refusal);
        Assert.Equal(3, (await _bench.Study()).Instances());
        Assert.Equal(OutcomeKind.Stored, (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.9", patient: "P2"))).Kind);
    }

    [Fact]
    public async Task Reassign_ToTheStudysPatient_TakesItIn_ToAnotherKeepsItHeld()
    {
        var held = await HeldStudy();
        await _bench.SendOne(TestDicom.Ct(study: "1.2.9", series: "1.2.9.1", sop: "1.2.9.1.1", patient: "P3"));
        Assert.Equal(IntakeRefusal.NoSuchPatient, (await _bench.Intake.ReassignAsync(IngestBench.A, held.ItemId!, "tech", null, new PatientIdentity { Id = "P7" }, default)).Refusal);
        var other = await _bench.Intake.ReassignAsync(IngestBench.A, held.ItemId!, "tech", null, new PatientIdentity { Id = "P3" }, default);
        Assert.Equal((null, IntakeStatus.Open), (other.Refusal, other.Item!.Status));
        Assert.Equal(1, (await _bench.Study()).Instances());
        var right = await _bench.Intake.ReassignAsync(IngestBench.A, held.ItemId!, "tech", null, new PatientIdentity { Id = "p1" }, default);
        Assert.Equal((null, IntakeStatus.Reassigned), (right.Refusal, right.Item!.Status));
        Assert.Equal(3, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Reject_OfHeldStudy_LeavesTheStudyAlone()
    {
        var held = await HeldStudy();
        Assert.Null((await _bench.Intake.RejectAsync(IngestBench.A, held.ItemId!, "tech", null, default)).Refusal);
        Assert.Equal(1, (await _bench.Study()).Instances());
        Assert.Equal("rejected-before", (await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2"))).Reason!.Code);
    }

    [Fact]
    public async Task Accept_OfDeletedStudysItem_BringsItBack()
    {
        await _bench.SendOne(TestDicom.Ct());
        var study = await _bench.Study();
        await _bench.Commit.CommitAsync(new CommitBatch(StudyChange.Of(study, study with { Hidden = true }, []), []), default);
        var held = await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.2"));
        Assert.Null((await _bench.Intake.AcceptAsync(IngestBench.A, held.ItemId!, "tech", null, default)).Refusal);
        var back = await _bench.Study();
        Assert.Equal((true, 2, 0), (back.IsVisible(), back.Instances(), back.Held));
    }

    [Fact]
    public async Task Send_Unidentifiable_IsQuarantinedWithItsBytes_OnceForTheSameBytes()
    {
        var noise = new byte[70_000];
        new Random(1).NextBytes(noise);
        var first = Assert.Single(await _bench.Send(SourceTrust.Other, noise));
        Assert.Equal((OutcomeKind.Rejected, "not-dicom"), (first.Kind, first.Reason!.Code));
        var item = await Item(first.ItemId);
        Assert.Equal((IntakeKind.Quarantined, IntakeStatus.Open), (item.Kind, item.Status));
        Assert.Equal(noise, await _bench.Bytes(item.Bytes!));
        var objects = (await _bench.Objects()).Count;
        Assert.Equal(first.ItemId, Assert.Single(await _bench.Send(SourceTrust.Other, noise)).ItemId);
        Assert.Equal(objects, (await _bench.Objects()).Count);
        Assert.Equal(first.ItemId, Assert.Single((await _bench.Items.ListAsync(IngestBench.A, IntakeStatus.Open, 10, null, default)).Items).Id);
        Assert.Equal(IntakeRefusal.StillUnidentified, (await _bench.Intake.AcceptAsync(IngestBench.A, first.ItemId!, "tech", null, default)).Refusal);
        Assert.Equal(IntakeStatus.Open, (await Item(first.ItemId)).Status);
    }

    [Fact]
    public async Task Send_WithoutStudyUid_IsQuarantined_AndLinkedByTechnician()
    {
        await _bench.SendOne(TestDicom.Ct());
        var file = TestDicom.Ct(sop: "1.2.3.1.2").Remove(0x0020000D);
        var outcome = await _bench.SendOne(file);
        Assert.Equal("missing-identity", outcome.Reason!.Code);
        Assert.Equal(file.ToBytes(), await _bench.Bytes((await Item(outcome.ItemId)).Bytes!));
        Assert.Equal(IntakeRefusal.NeedsStudy, (await _bench.Intake.LinkAsync(IngestBench.A, outcome.ItemId!, "tech", null, null, default)).Refusal);
        Assert.Null((await _bench.Intake.LinkAsync(IngestBench.A, outcome.ItemId!, "tech", null, "1.2.3", default)).Refusal);
        Assert.Equal(2, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Send_Truncated_IsQuarantinedWhole_AndAcceptedAsFarAsItGoes()
    {
        var whole = TestDicom.Ct().With(file => file.Pixels = new byte[1_000_000]).ToBytes();
        var cut = whole[..700_000];
        var outcome = Assert.Single(await _bench.Send(SourceTrust.Modality, cut));
        Assert.Equal((OutcomeKind.Rejected, "truncated", "1.2.3.1.1"), (outcome.Kind, outcome.Reason!.Code, outcome.SopInstanceUid));
        Assert.Equal(cut, await _bench.Bytes((await Item(outcome.ItemId)).Bytes!));
        Assert.Null(await _bench.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
        Assert.Null((await _bench.Intake.AcceptAsync(IngestBench.A, outcome.ItemId!, "tech", null, default)).Refusal);
        Assert.Equal(cut, await _bench.Bytes(Assert.Single(await _bench.Entries(await _bench.Study()))));
    }
}
