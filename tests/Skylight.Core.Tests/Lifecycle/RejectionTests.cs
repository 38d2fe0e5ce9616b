using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Dicom;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Rejection notes of IHE Imaging Object Change Management, as they arrive.</summary>
public sealed class RejectionTests : IAsyncLifetime
{
    private const string Note = "1.2.3.9.1";
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2), LifecycleBench.Slice(3));

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData("113001", DeletionReason.Quality, true)]
    [InlineData("113037", DeletionReason.PatientSafety, false)]
    [InlineData("113038", DeletionReason.IncorrectWorklistEntry, false)]
    [InlineData("113039", DeletionReason.RetentionExpired, false)]
    public async Task Note_HidesWhatItRejects_AndItselfButForQuality(string code, DeletionReason reason, bool noteServed)
    {
        Assert.Equal(OutcomeKind.Stored, (await SendAsync(KeyObject(code, "1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.99"))).Kind);
        Assert.Equal(noteServed ? ["1.2.3.1.3", Note] : ["1.2.3.1.3"], await _bench.ServedAsync());
        var record = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
        Assert.Equal((reason, Note, "node:ct1"), (record.Reason, record.RejectionNote, record.By));
        Assert.Equal("deletion.reject", Assert.Single(_bench.Ingest.Audit.Events).Action);

        // Sent again: refused, except what was only too old.
        var again = await _bench.Ingest.SendOne(LifecycleBench.Slice(1));
        if (reason == DeletionReason.RetentionExpired)
        {
            Assert.Equal(OutcomeKind.Stored, again.Kind);
            Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
        }
        else
        {
            Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), (again.Kind, again.Reason!.Code));
            Assert.DoesNotContain("1.2.3.1.1", await _bench.ServedAsync());
        }

        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3", Note], await _bench.ServedAsync());
    }

    [Theory]
    [InlineData("113001", true)]
    [InlineData("113037", true)]
    [InlineData("113038", true)]
    [InlineData("113039", false)]
    public async Task Note_BeforeWhatItRejects_RefusesItWhenItComes_ButForRetention(string code, bool refused)
    {
        await SendAsync(KeyObject(code, "1.2.3.1.1", "1.2.3.1.7"));
        var record = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
        Assert.Equal(refused ? 1 : 0, record.Refused);
        var late = await _bench.Ingest.SendOne(LifecycleBench.Slice(7));
        Assert.Equal(refused ? (OutcomeKind.Rejected, "instance-deleted", record.Id) : (OutcomeKind.Stored, null, null), (late.Kind, late.Reason?.Code, late.ItemId));
        Assert.Equal(!refused, (await _bench.ServedAsync()).Contains("1.2.3.1.7"));

        // Whatever else comes under the UID is refused too; what the note does not name is not.
        if (refused) Assert.Equal(OutcomeKind.Rejected, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7).Set(0x00081030, "LO", "other"))).Kind);
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(8))).Kind);

        // Taken back: it may come.
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default));
        if (refused) Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
        Assert.Contains("1.2.3.1.7", await _bench.ServedAsync());
        Assert.Equal(OutcomeKind.Duplicate, (await SendAsync(KeyObject(code, "1.2.3.1.1", "1.2.3.1.7"))).Kind);
        Assert.Contains("1.2.3.1.7", await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_BeforeAnotherStudyThatItNames_RefusesItsInstances()
    {
        await SendAsync(KeyObjectOf("113038", "DCM", Note, ["1.2.4.1.1"], evidence: "1.2.4"));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        var late = await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), (late.Kind, late.Reason!.Code));
        Assert.Null(await _bench.Ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.4", default));
    }

    [Fact]
    public async Task Notes_OfOneInstance_AreEachTakenBackByThemselves()
    {
        await SendAsync(KeyObjectOf("113001", "DCM", Note, ["1.2.3.1.7"]));
        await SendAsync(KeyObjectOf("113001", "DCM", "1.2.3.9.2", ["1.2.3.1.7"]));
        var records = (await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items;
        Assert.Equal(2, records.Count);
        await _bench.Deletions.RestoreAsync(IngestBench.A, records[0].Id, LifecycleBench.By, default);
        Assert.Equal(OutcomeKind.Rejected, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
        await _bench.Deletions.RestoreAsync(IngestBench.A, records[1].Id, LifecycleBench.By, default);
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
    }

    [Fact]
    public async Task Note_WhoseRecordIsAllThatACrashLeft_IsCarriedOutWhenItComesAgain()
    {
        var note = KeyObject("113037", "1.2.3.1.1", "1.2.3.1.7");
        await SendAsync(note);
        var study = await _bench.Ingest.Study();
        var record = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
        var crashed = record with { Id = "00000000000000000000000000000001", StudyKey = study.StudyKey };
        await _bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default);
        await _bench.Ingest.Documents.DeleteAsync(new(IngestBench.A, DeletionRecord.Type, record.Id), Core.Documents.Match.Any, default);
        await _bench.Ingest.Documents.PutAsync(
            new(IngestBench.A, DeletionRecord.Type, crashed.Id), crashed, Core.Documents.Match.None,
            [$"status:{crashed.Status}", $"note:{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Note)).AsSpan(0, 16))}"], default);

        Assert.Equal(OutcomeKind.Duplicate, (await SendAsync(note)).Kind);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.NotEqual(crashed.Id, Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Id);
        Assert.Equal(OutcomeKind.Rejected, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
    }

    [Fact]
    public async Task Erase_OfTheNotesStudy_TakesItsRefusalsAlong()
    {
        await SendAsync(KeyObject("113001", "1.2.3.1.7"));
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync((await _bench.ApprovedAsync()).Id)).Status);
        Assert.Empty(await _bench.Ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.7", "1.2.3.1.1"], default));
    }

    [Fact]
    public async Task Note_SentAgainAfterARestore_IsNotCarriedOutAgain()
    {
        var note = KeyObject("113037", "1.2.3.1.1");
        await SendAsync(note);
        var record = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);
        await _bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default);
        Assert.Equal(OutcomeKind.Duplicate, (await SendAsync(note)).Kind);
        Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_ForQuality_KeepsThemInViewWhereTheInstitutionWantsThat()
    {
        _bench.Ingest.Lifecycle.Institutions[IngestBench.A] = new InstitutionLifecycle { KeepRejectedForQuality = true };
        await SendAsync(KeyObject("113001", "1.2.3.1.1"));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3", Note], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_UnderHold_IsStoredAndNotCarriedOut()
    {
        await _bench.Holds.SetAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, HoldKind.Dispute, "7", LifecycleBench.By, null, default);
        var outcome = await SendAsync(KeyObject("113037", "1.2.3.1.1"));
        Assert.Equal(OutcomeKind.Stored, outcome.Kind);
        Assert.Contains("rejection-not-applied", outcome.Findings);
        Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());

        // Not while it is held; the release carries it out.
        await Rejections.ApplyWaitingAsync(await _bench.Ingest.Study(), LifecycleBench.By, default);
        Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
        var study = await _bench.Ingest.Study();
        await _bench.Holds.ReleaseAsync(IngestBench.A, study.StudyKey, study.Holds[0].Id, LifecycleBench.By, default);
        await Rejections.ApplyWaitingAsync(await _bench.Ingest.Study(), LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(LifecycleBench.By, Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value.By);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Note_UnderHold_WhoseReleaseIsKilledAtAnyWrite_IsCarriedOutByTheTimer(int kill)
    {
        await _bench.RegisterAsync();
        await _bench.Holds.SetAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, HoldKind.Dispute, "7", LifecycleBench.By, null, default);
        await SendAsync(KeyObject("113037", "1.2.3.1.1"));
        var study = await _bench.Ingest.Study();
        var writes = 0;
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync())))
            await Assert.ThrowsAsync<IOException>(() => ReleaseAsync(dying));
        if (kill <= 2)
        {
            // It was not released, so the timer has nothing to do; somebody tries again.
            Assert.True((await _bench.Ingest.Study()).Hold);
            await AfterAsync();
            Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
            await ReleaseAsync(_bench);
        }

        await AfterAsync();
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(LifecycleBench.By, Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value.By);
        Assert.Empty((await _bench.Ingest.Documents.ListAsync<HoldRelease>(IngestBench.A, HoldRelease.Type, null, 10, null, default)).Items);

        Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;

        Task AfterAsync()
        {
            _bench.Ingest.Time.Advance(TimeSpan.FromMinutes(6));
            return _bench.Upkeep.RunAsync(default);
        }

        async Task ReleaseAsync(LifecycleBench bench)
        {
            var released = await bench.Releases.ReleaseAsync(IngestBench.A, study.StudyKey, study.Holds[0].Id, LifecycleBench.By, default);
            await bench.Releases.ApplyWaitingAsync(released!.Value.Study, study.Holds[0].Id, LifecycleBench.By, default);
        }
    }

    [Fact]
    public async Task KeyObject_OfAnotherTitleOrScheme_RejectsNothing()
    {
        await SendAsync(KeyObject("113000", "1.2.3.1.1"));
        await SendAsync(KeyObjectOf("113037", "99LOCAL", "1.2.3.9.2", ["1.2.3.1.2"]));
        Assert.Equal(5, (await _bench.ServedAsync()).Length);
        Assert.Empty((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);
    }

    [Fact]
    public async Task Note_OfASourceThatMayNotReject_IsHeld_AndCarriedOutWhenATechnicianAcceptsIt()
    {
        var note = KeyObject("113037", "1.2.3.1.1", "1.2.3.1.7");
        var held = Assert.Single(await _bench.Ingest.Send(SourceTrust.Other, note));
        Assert.Equal((OutcomeKind.Held, "rejection-unauthorised"), (held.Kind, held.Reason!.Code));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
        var again = Assert.Single(await _bench.Ingest.Send(SourceTrust.Other, note));
        Assert.Equal((OutcomeKind.Held, "rejection-unauthorised", held.ItemId), (again.Kind, again.Reason!.Code, again.ItemId));

        Assert.Null((await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, held.ItemId!, LifecycleBench.By, null, default)).Refusal);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(0, (await _bench.Ingest.Study()).Held);
    }

    [Fact]
    public async Task Note_HeldForWantOfAuthority_IsCarriedOutWhenItComesFromOneWhoMay()
    {
        var note = KeyObject("113037", "1.2.3.1.1");
        await _bench.Ingest.Send(SourceTrust.Other, note);
        Assert.Equal(OutcomeKind.Stored, (await SendAsync(note)).Kind);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(0, (await _bench.Ingest.Study()).Held);
    }

    [Fact]
    public async Task Note_OfAPersonWhoMayDelete_IsCarriedOut()
    {
        await using var batch = _bench.Ingest.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(SourceTrust.Other), null) { MayDelete = () => true });
        await batch.AddFileAsync(new AsyncOnlyStream(KeyObject("113037", "1.2.3.1.1")), new IngestName("1"), default);
        Assert.Equal(OutcomeKind.Stored, Assert.Single((await batch.CommitAsync(default)).Files).Kind);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
    }

    [Fact]
    public async Task Note_OfASourceThatMayNotReject_CannotReplaceOneThatIsThere()
    {
        await SendAsync(KeyObject("113001", "1.2.3.1.1"));
        Assert.Equal((OutcomeKind.Held, "rejection-unauthorised"), Assert.Single(await _bench.Ingest.Send(SourceTrust.Other, KeyObject("113001", "1.2.3.1.1", "1.2.3.1.2"))) is var sent ? (sent.Kind, sent.Reason!.Code) : default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3", Note], await _bench.ServedAsync());
    }

    [Theory]
    [InlineData("113001")]
    [InlineData("113037")]
    public async Task Note_WhereWhatMustBeKeptIsNotHidden_IsStoredAndNotCarriedOut(string code)
    {
        _bench.Ingest.Lifecycle.Institutions[IngestBench.A] = new InstitutionLifecycle { RefuseDeletionWithinRetention = true };
        var outcome = await SendAsync(KeyObject(code, "1.2.3.1.1", "1.2.3.1.7"));
        Assert.Equal(OutcomeKind.Stored, outcome.Kind);
        Assert.Contains("rejection-not-applied", outcome.Findings);
        Assert.Contains("1.2.3.1.1", await _bench.ServedAsync());
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Kind);
    }

    [Fact]
    public async Task Note_AboutWhatIsHiddenAlready_KeepsItHiddenWhenTheFirstGroundFalls()
    {
        await SendAsync(KeyObjectOf("113001", "DCM", Note, ["1.2.3.1.1", "1.2.3.1.2"]));
        var quality = Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items).Value;
        await SendAsync(KeyObjectOf("113037", "DCM", "1.2.3.9.2", ["1.2.3.1.1"]));
        var safety = (await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items.Select(item => item.Value).Single(record => record.Id != quality.Id);

        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, quality.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3", Note], await _bench.ServedAsync());
        Assert.Equal(1, (await _bench.Ingest.Study()).Outbox[^1].Instances);
        Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), await _bench.Ingest.SendOne(LifecycleBench.Slice(1)) is var sent ? (sent.Kind, sent.Reason!.Code) : default);

        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, safety.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3", Note, "1.2.3.9.2"], await _bench.ServedAsync());
        Assert.Equal(OutcomeKind.Duplicate, (await _bench.Ingest.SendOne(LifecycleBench.Slice(1))).Kind);
    }

    [Fact]
    public async Task Note_AboutWhatWasOnlyTooOld_RefusesItWhenItComesAgain_AndTakenBackLeavesItHidden()
    {
        await SendAsync(KeyObjectOf("113039", "DCM", Note, ["1.2.3.1.1"]));
        await SendAsync(KeyObjectOf("113037", "DCM", "1.2.3.9.2", ["1.2.3.1.1"]));
        Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), await _bench.Ingest.SendOne(LifecycleBench.Slice(1)) is var sent ? (sent.Kind, sent.Reason!.Code) : default);
        var safety = (await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items.Select(item => item.Value).Single(record => record.Reason == DeletionReason.PatientSafety);
        await _bench.Deletions.RestoreAsync(IngestBench.A, safety.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3", "1.2.3.9.2"], await _bench.ServedAsync());
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(1))).Kind);
    }

    [Theory]
    [InlineData("113001")]
    [InlineData("113037")]
    [InlineData("113038")]
    public async Task Note_SentAgainBecauseItsAnswerWasLost_IsADuplicate(string code)
    {
        var note = KeyObject(code, "1.2.3.1.1");
        await SendAsync(note);
        Assert.Equal(OutcomeKind.Duplicate, (await SendAsync(note)).Kind);
        Assert.DoesNotContain("1.2.3.1.1", await _bench.ServedAsync());
        Assert.Single((await _bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 10, null, default)).Items);

        // A note that somebody has deleted stays deleted.
        if (code != "113001") return;
        await _bench.DeleteAsync("1.2.3.9", Note);
        Assert.Equal((OutcomeKind.Rejected, "instance-deleted"), await SendAsync(note) is var again ? (again.Kind, again.Reason!.Code) : default);
    }

    [Fact]
    public async Task Note_AboutAStudyThatIsHidden_KeepsItsInstancesHiddenWhenTheStudyComesBack()
    {
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        var whole = (await _bench.DeleteAsync()).Record!;
        await SendAsync(KeyObjectOf("113037", "DCM", "1.2.4.9.1", ["1.2.3.1.1"], study: "1.2.4"));
        await _bench.Deletions.RestoreAsync(IngestBench.A, whole.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Note_OfAnotherStudy_AboutOneOnHold_IsCarriedOutByTheRelease(bool hidden)
    {
        var key = (await _bench.Ingest.Study()).StudyKey;
        var whole = hidden ? (await _bench.DeleteAsync()).Record : null;
        await _bench.Holds.SetAsync(IngestBench.A, key, HoldKind.Dispute, "7", LifecycleBench.By, "h1", default);
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1"));
        Assert.Contains("rejection-not-applied", (await SendAsync(KeyObjectOf("113037", "DCM", "1.2.4.9.1", ["1.2.3.1.1"], study: "1.2.4"))).Findings);
        var released = await _bench.Releases.ReleaseAsync(IngestBench.A, key, "h1", LifecycleBench.By, default);
        await _bench.Releases.ApplyWaitingAsync(released!.Value.Study, "h1", LifecycleBench.By, default);
        if (whole is not null) await _bench.Deletions.RestoreAsync(IngestBench.A, whole.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Empty((await _bench.Ingest.Documents.ListAsync<WaitingRejection>(IngestBench.A, WaitingRejection.Type, null, 10, null, default)).Items);
    }

    private Rejections Rejections => _bench.Ingest.Service.Rejections!;

    private async Task<FileOutcome> SendAsync(byte[] note) => Assert.Single(await _bench.Ingest.Send(SourceTrust.Modality, note));

    private static byte[] KeyObject(string code, params string[] rejected) => KeyObjectOf(code, "DCM", Note, rejected);

    /// <param name="evidence">Study of what it rejects.</param>
    /// <param name="study">Its own study.</param>
    internal static byte[] KeyObjectOf(string code, string scheme, string sop, string[] rejected, string evidence = "1.2.3", string study = "1.2.3")
    {
        var note = new DicomDataset();
        note.Set(DicomTags.SOPClassUID, Vr.UI, "1.2.840.10008.5.1.4.1.1.88.59");
        note.Set(DicomTags.SOPInstanceUID, Vr.UI, sop);
        note.Set(DicomTags.StudyInstanceUID, Vr.UI, study);
        note.Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{study}.9");
        note.Set(DicomTags.PatientID, Vr.LO, "P1");
        note.Set(DicomTags.PatientName, Vr.PN, "Zhang^San");
        note.Set(DicomTags.Modality, Vr.CS, "KO");
        note.Set(DicomTags.ConceptNameCodeSequence, new DicomDataset().With(DicomTags.CodeValue, Vr.SH, code).With(DicomTags.CodingSchemeDesignator, Vr.SH, scheme).With(DicomTags.CodeMeaning, Vr.LO, "Rejected"));
        var references = rejected.Select(uid => new DicomDataset().With(DicomTags.ReferencedSOPClassUID, Vr.UI, "1.2.840.10008.5.1.4.1.1.2").With(DicomTags.ReferencedSOPInstanceUID, Vr.UI, uid)).ToArray();
        var series = new DicomDataset().With(DicomTags.SeriesInstanceUID, Vr.UI, "1.2.3.1");
        series.Set(DicomTags.ReferencedSOPSequence, references);
        var named = new DicomDataset().With(DicomTags.StudyInstanceUID, Vr.UI, evidence);
        named.Set(DicomTags.ReferencedSeriesSequence, series);
        note.Set(DicomTags.CurrentRequestedProcedureEvidenceSequence, named);
        return DicomWriter.ToArray(DicomFile.Of(note, TransferSyntax.ExplicitLittle));
    }
}

internal static class DatasetMaking
{
    public static DicomDataset With(this DicomDataset dataset, DicomTag tag, Vr vr, string value)
    {
        dataset.Set(tag, vr, value);
        return dataset;
    }
}
