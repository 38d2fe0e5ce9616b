using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Ingest;
using Skylight.Dicom;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Corrections as every reader sees them: over what is stored, with the original values beside, and gone without a trace when they are undone.</summary>
public sealed class CorrectionTests : IAsyncLifetime
{
    private const string Second = "hospital-a/second";
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2), LifecycleBench.Slice(1, "1.2.3.2"));

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Correct_Study_IsSeenInSearchMetadataAndFiles_AndTheOriginalValuesStandBeside()
    {
        var before = await _bench.Ingest.Study();
        await CorrectAsync(CorrectionScope.Study, null, null, ("PatientName", "Zhang^Sanfeng"), ("StudyDescription", ""));
        var study = await _bench.Ingest.Study();
        Assert.Equal(("Zhang^Sanfeng", null, "P1"), (study.Attributes.PatientName, study.Attributes.StudyDescription, study.Attributes.PatientId));
        Assert.True(study.Revision > before.Revision);
        Assert.Equal([study.StudyKey], await FindAsync("zhang^sanfeng"));
        Assert.Empty(await FindAsync("zhang^san"));

        foreach (var document in DicomJson.ReadMany(System.Text.Encoding.UTF8.GetBytes(await _bench.MetadataAsync()))) Check(document);
        foreach (var (entry, file) in await FilesAsync())
        {
            Check(file.Dataset);
            var stored = DicomFile.Read(await _bench.Ingest.Bytes(entry));
            Assert.Equal(stored.Dataset.GetBytes(DicomTags.PixelData).ToArray(), file.Dataset.GetBytes(DicomTags.PixelData).ToArray());
            Assert.Equal(stored.Dataset.GetString(DicomTags.SOPInstanceUID), file.Dataset.GetString(DicomTags.SOPInstanceUID));
            Assert.Equal("Zhang^San", stored.Dataset.GetString(DicomTags.PatientName));
            Assert.DoesNotContain(DicomValidator.Validate(file.Dataset), finding => finding.Path.StartsWith("0400", StringComparison.Ordinal));
        }

        static void Check(DicomDataset dataset)
        {
            Assert.Equal("Zhang^Sanfeng", dataset.GetString(DicomTags.PatientName));
            Assert.True(dataset.TryGet(DicomTags.StudyDescription, out var description) && description.IsEmpty);
            var item = Assert.Single(dataset.GetItems(DicomTags.OriginalAttributesSequence));
            Assert.Equal(("CORRECT", "SKYLIGHT", "old HIS"), (item.GetString(DicomTags.ReasonForTheAttributeModification), item.GetString(DicomTags.ModifyingSystem), item.GetString(DicomTags.SourceOfPreviousValues)));
            Assert.Equal("20260301080000.000000+0000", item.GetString(DicomTags.AttributeModificationDateTime));
            var original = Assert.Single(item.GetItems(DicomTags.ModifiedAttributesSequence));
            Assert.Equal(("Zhang^San", "Chest"), (original.GetString(DicomTags.PatientName), original.GetString(DicomTags.StudyDescription)));
        }
    }

    [Fact]
    public async Task Correct_WithCharactersThatTheFileHasNoPlaceFor_WritesItInUtf8()
    {
        await _bench.Ingest.SendOne(LifecycleBench.Slice(3).Set(0x00080005, "CS", "ISO_IR 100").Set(0x00081090, "LO", "Mod"));
        await CorrectAsync(CorrectionScope.Study, null, null, ("PatientName", "Zhang^San=张^三"));
        var (_, file) = (await FilesAsync()).Single(item => item.Entry.SopInstanceUid == "1.2.3.1.3");
        Assert.Equal(("ISO_IR 192", "Zhang^San=张^三"), (file.Dataset.GetString(DicomTags.SpecificCharacterSet), file.Dataset.GetString(DicomTags.PatientName)));
        Assert.Contains("张^三", await _bench.MetadataAsync(), StringComparison.Ordinal);
        Assert.NotEmpty(await FindAsync("张三"));
    }

    [Fact]
    public async Task Correct_SeriesAndInstance_TouchNothingElse_AndStack_AndAreUndoneInAnyOrder()
    {
        var untouched = await _bench.MetadataAsync();
        var series = await CorrectAsync(CorrectionScope.Series, "1.2.3.1", null, ("SeriesDescription", "Abdomen"), ("BodyPartExamined", "ABDOMEN"));
        var instance = await CorrectAsync(CorrectionScope.Instance, "1.2.3.1", "1.2.3.1.2", ("ImageLaterality", "L"));
        var again = await CorrectAsync(CorrectionScope.Series, "1.2.3.1", null, ("SeriesDescription", "Abdomen 2"));
        var study = await _bench.Ingest.Study();
        Assert.Equal(["Abdomen 2", null], study.Series.Select(item => item.Attributes.SeriesDescription));
        Assert.Equal("ABDOMEN", study.Series[0].Attributes.BodyPart);
        var files = (await FilesAsync()).ToDictionary(item => item.Entry.SopInstanceUid, item => item.File.Dataset);
        Assert.Equal([2, 3, 0], new[] { "1.2.3.1.1", "1.2.3.1.2", "1.2.3.2.1" }.Select(uid => files[uid].GetItems(DicomTags.OriginalAttributesSequence).Count));
        Assert.Equal("Abdomen", files["1.2.3.1.1"].GetItems(DicomTags.OriginalAttributesSequence)[1].GetItems(DicomTags.ModifiedAttributesSequence)[0].GetString(DicomTags.SeriesDescription));

        await _bench.Corrections.UndoAsync(IngestBench.A, series.Correction.Id, Second, default);
        Assert.Equal(("Abdomen 2", null), ((await _bench.Ingest.Study()).Series[0].Attributes.SeriesDescription, (await _bench.Ingest.Study()).Series[0].Attributes.BodyPart));
        foreach (var record in new[] { again, instance }) Assert.Null((await _bench.Corrections.UndoAsync(IngestBench.A, record.Correction.Id, Second, default)).Refusal);
        study = await _bench.Ingest.Study();
        Assert.Null(study.Corrections);
        Assert.Equal(untouched, await _bench.MetadataAsync());
        Assert.Equal(CorrectionRefusal.Decided, (await _bench.Corrections.UndoAsync(IngestBench.A, again.Correction.Id, Second, default)).Refusal);
    }

    [Fact]
    public async Task Correct_PatientId_MovesTheStudyToThatPatient_AndBack()
    {
        var before = (await _bench.Ingest.Study()).PatientKey;
        var record = await CorrectAsync(CorrectionScope.Study, null, null, ("PatientID", "P2"));
        var study = await _bench.Ingest.Study();
        Assert.NotEqual(before, study.PatientKey);
        Assert.NotNull(await _bench.Ingest.Patients.GetAsync(IngestBench.A, study.PatientKey, default));

        // What the modality goes on to send under the wrong id is for a technician.
        Assert.Equal("patient-mismatch", (await _bench.Ingest.SendOne(LifecycleBench.Slice(7))).Reason!.Code);
        await _bench.Corrections.UndoAsync(IngestBench.A, record.Correction.Id, Second, default);
        Assert.Equal((before, "P1"), ((await _bench.Ingest.Study()).PatientKey, (await _bench.Ingest.Study()).Attributes.PatientId));
    }

    [Fact]
    public async Task Receive_MoreOfACorrectedStudy_StaysCorrected()
    {
        var record = await CorrectAsync(CorrectionScope.Study, null, null, ("PatientName", "Zhang^Sanfeng"));
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(8))).Kind);
        Assert.Equal("Zhang^Sanfeng", (await _bench.Ingest.Study()).Attributes.PatientName);
        Assert.All(await FilesAsync(), item => Assert.Equal("Zhang^Sanfeng", item.File.Dataset.GetString(DicomTags.PatientName)));
        await _bench.Corrections.UndoAsync(IngestBench.A, record.Correction.Id, Second, default);
        Assert.Equal("Zhang^San", (await _bench.Ingest.Study()).Attributes.PatientName);
    }

    [Theory]
    [InlineData("StudyInstanceUID", "1.2.9")]
    [InlineData("Rows", "7")]
    [InlineData("PixelSpacing", "1\\1")]
    [InlineData("SeriesDescription", "in the wrong scope")]
    [InlineData("NoSuchAttribute", "x")]
    [InlineData("OriginalAttributesSequence", "x")]
    public async Task Propose_WhatMayNotBeCorrected_IsRefused(string attribute, string value) =>
        Assert.Equal(CorrectionRefusal.NotCorrectable, (await ProposeAsync(CorrectionScope.Study, null, null, (attribute, value))).Refusal);

    [Theory]
    [InlineData("PatientBirthDate", "yesterday")]
    [InlineData("StudyTime", "25:99")]
    [InlineData("AccessionNumber", "an accession number of far more than sixteen letters")]
    [InlineData("PatientSex", "male or female")]
    [InlineData("PatientName", "with\ncontrol")]
    [InlineData("PatientBirthDate", "张三")]
    [InlineData("PatientSex", "男")]
    [InlineData("StudyTime", "八点")]
    [InlineData("PatientAge", "四十岁")]
    [InlineData("PatientWeight", "六十")]
    public async Task Propose_ValueOfTheWrongForm_IsRefused(string attribute, string value) =>
        Assert.Equal(CorrectionRefusal.BadValue, (await ProposeAsync(CorrectionScope.Study, null, null, (attribute, value))).Refusal);

    [Fact]
    public async Task Approve_NeedsASecondPerson_AndNoHold_AndCanBeRefused()
    {
        var proposed = (await ProposeAsync(CorrectionScope.Study, null, null, ("PatientSex", "F"))).Record!;
        Assert.Equal(CorrectionRefusal.SamePerson, (await _bench.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, LifecycleBench.By, default)).Refusal);
        Assert.Equal("M", (await _bench.Ingest.Study()).Attributes.PatientSex);
        await _bench.Holds.SetAsync(IngestBench.A, proposed.StudyKey, HoldKind.Dispute, "7", LifecycleBench.By, null, default);
        Assert.Equal(CorrectionRefusal.OnHold, (await _bench.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, Second, default)).Refusal);
        Assert.Equal(CorrectionRefusal.OnHold, (await ProposeAsync(CorrectionScope.Study, null, null, ("PatientSex", "O"))).Refusal);
        Assert.Equal(CorrectionStatus.Refused, (await _bench.Corrections.RefuseAsync(IngestBench.A, proposed.Correction.Id, Second, default)).Record!.Status);
        Assert.Equal(CorrectionRefusal.Decided, (await _bench.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, Second, default)).Refusal);
    }

    [Fact]
    public async Task Approve_KilledAtEveryWrite_IsNeverInForceWhileItIsRefused_AndGoesOn()
    {
        for (var kill = 1; kill <= 3; kill++)
        {
            var proposed = (await ProposeAsync(CorrectionScope.Study, null, null, ("StudyDescription", $"Kill {kill}"))).Record!.Correction.Id;
            var writes = 0;
            await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync())))
                await Assert.ThrowsAsync<IOException>(() => dying.Corrections.ApproveAsync(IngestBench.A, proposed, Second, default));

            var refused = await _bench.Corrections.RefuseAsync(IngestBench.A, proposed, Second, default);
            Assert.Equal(kill == 1, refused.Refusal is null);
            if (refused.Refusal is null)
            {
                Assert.NotEqual($"Kill {kill}", (await _bench.Ingest.Study()).Attributes.StudyDescription);
                continue;
            }

            Assert.Equal(CorrectionRefusal.Decided, refused.Refusal);
            Assert.Equal(CorrectionStatus.Applied, (await _bench.Corrections.ApproveAsync(IngestBench.A, proposed, Second, default)).Record!.Status);
            Assert.Equal($"Kill {kill}", (await _bench.Ingest.Study()).Attributes.StudyDescription);
            Assert.Equal(CorrectionStatus.Undone, (await _bench.Corrections.UndoAsync(IngestBench.A, proposed, Second, default)).Record!.Status);
            Assert.NotEqual($"Kill {kill}", (await _bench.Ingest.Study()).Attributes.StudyDescription);

            Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;
        }
    }

    [Theory]
    [InlineData(2, true, false)]
    [InlineData(3, true, false)]
    [InlineData(2, false, true)]
    [InlineData(3, false, true)]
    public async Task Approve_KilledOnceItIsRecorded_IsEndedByTheTimer(int kill, bool applied, bool held)
    {
        await _bench.RegisterAsync();
        var proposed = (await ProposeAsync(CorrectionScope.Study, null, null, ("PatientSex", "F"))).Record!;
        var writes = 0;
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync())))
            await Assert.ThrowsAsync<IOException>(() => dying.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, Second, default));

        // What was decided a moment ago may be on its way still.
        await _bench.Upkeep.RunAsync(default);
        Assert.Equal(CorrectionStatus.Approved, (await RecordAsync()).Status);
        if (held) await _bench.Holds.SetAsync(IngestBench.A, proposed.StudyKey, HoldKind.Dispute, "7", LifecycleBench.By, null, default);
        _bench.Ingest.Time.Advance(TimeSpan.FromMinutes(6));
        await _bench.Upkeep.RunAsync(default);
        var record = await RecordAsync();

        // Under a hold only what was in force by then is recorded as such.
        var inForce = applied || kill == 3;
        Assert.Equal(inForce ? (CorrectionStatus.Applied, Second, "F") : (CorrectionStatus.Proposed, null, "M"), (record.Status, record.DecidedBy, (await _bench.Ingest.Study()).Attributes.PatientSex));
        await _bench.Upkeep.RunAsync(default);
        Assert.Equal(inForce ? 1 : 0, _bench.Audit.Events.Count);
        if (inForce) Assert.Equal(("correction.approve", Second, proposed.StudyKey), (_bench.Audit.Events[0].Action, _bench.Audit.Events[0].Actor, _bench.Audit.Events[0].StudyKey));

        Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;

        async Task<CorrectionRecord> RecordAsync() => (await _bench.Corrections.ListAsync(IngestBench.A, proposed.StudyKey, null, 10, null, default)).Items[0].Value;
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public async Task Approve_WhileAnotherRefusesOrApproves_IsDecidedOnce(int at, bool approves)
    {
        var proposed = (await ProposeAsync(CorrectionScope.Study, null, null, ("PatientSex", "F"))).Record!.Correction.Id;
        var writes = 0;
        CorrectionResult? other = null;
        await using var slow = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, OtherAsync), wrapDocuments: inner => new BeforePut(inner, _ => OtherAsync()));
        var own = await slow.Corrections.ApproveAsync(IngestBench.A, proposed, Second, default);
        Assert.NotNull(other);
        Assert.Single([own, other], result => result.Refusal is null);
        Assert.Equal(approves || own.Refusal is null ? "F" : "M", (await _bench.Ingest.Study()).Attributes.PatientSex);
        var record = (await _bench.Corrections.ListAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, null, 10, null, default)).Items[0].Value;
        Assert.Equal((await _bench.Ingest.Study()).Attributes.PatientSex == "F" ? CorrectionStatus.Applied : CorrectionStatus.Refused, record.Status);

        async Task OtherAsync()
        {
            if (++writes != at) return;
            other = approves
                ? await _bench.Corrections.ApproveAsync(IngestBench.A, proposed, "hospital-a/third", default)
                : await _bench.Corrections.RefuseAsync(IngestBench.A, proposed, "hospital-a/third", default);
        }
    }

    [Fact]
    public async Task Approve_BrokenOff_ThenUnderAHold_IsAProposalAgain()
    {
        var proposed = (await ProposeAsync(CorrectionScope.Study, null, null, ("PatientSex", "F"))).Record!;
        await using (var dying = new LifecycleBench(ingest: _bench.Ingest, wrapCommit: inner => new BeforeCommit(inner, () => throw new IOException("The process died here."))))
            await Assert.ThrowsAsync<IOException>(() => dying.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, Second, default));
        await _bench.Holds.SetAsync(IngestBench.A, proposed.StudyKey, HoldKind.Dispute, "7", LifecycleBench.By, null, default);
        var held = await _bench.Corrections.ApproveAsync(IngestBench.A, proposed.Correction.Id, Second, default);
        Assert.Equal((CorrectionRefusal.OnHold, CorrectionStatus.Proposed, null), (held.Refusal, held.Record!.Status, held.Record.DecidedBy));
        Assert.Null((await _bench.Corrections.RefuseAsync(IngestBench.A, proposed.Correction.Id, Second, default)).Refusal);
        Assert.Equal("M", (await _bench.Ingest.Study()).Attributes.PatientSex);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public async Task File_CutInAnyChunks_IsCorrectedAlike(int chunk)
    {
        var stored = LifecycleBench.Slice(1).With(file => file.Pixels = [.. Enumerable.Range(0, 3000).Select(n => (byte)n)]).ToBytes();
        Correction[] list = [new("c", CorrectionScope.Study, null, null, CorrectionReason.Coerce, null, DateTimeOffset.UnixEpoch, new Dictionary<string, string> { ["00100010"] = "Li^Si" })];
        var output = new MemoryStream();
        var writer = PipeWriter.Create(output);
        await CorrectedFile.WriteAsync(
            async uncorrected =>
            {
                foreach (var piece in stored.Chunk(chunk)) await uncorrected.WriteAsync(piece);
            },
            writer, list, default);
        await writer.FlushAsync();
        var corrected = DicomFile.Read(output.ToArray());
        Assert.Equal(("Li^Si", "COERCE"), (corrected.Dataset.GetString(DicomTags.PatientName), corrected.Dataset.GetItems(DicomTags.OriginalAttributesSequence)[0].GetString(DicomTags.ReasonForTheAttributeModification)));
        Assert.Equal(stored[^3000..], output.ToArray()[^3000..]);
    }

    [Fact]
    public async Task File_ThatBreaksOnItsWay_BreaksTheAnswerToo()
    {
        Correction[] list = [new("c", CorrectionScope.Study, null, null, CorrectionReason.Coerce, null, DateTimeOffset.UnixEpoch, new Dictionary<string, string> { ["00100010"] = "Li^Si" })];
        await Assert.ThrowsAsync<IOException>(() => CorrectedFile.WriteAsync(
            async uncorrected =>
            {
                await uncorrected.WriteAsync(LifecycleBench.Slice(1).ToBytes().AsMemory(0, 200));
                throw new IOException("The pack is damaged.");
            },
            PipeWriter.Create(new MemoryStream()), list, default));
    }

    private Task<CorrectionResult> ProposeAsync(CorrectionScope scope, string? series, string? instance, params (string Name, string Value)[] values) => ProposeAsync(scope, series, instance, values.ToDictionary(v => v.Name, v => v.Value));

    private async Task<CorrectionResult> ProposeAsync(CorrectionScope scope, string? series, string? instance, Dictionary<string, string> values) =>
        await _bench.Corrections.ProposeAsync(
            IngestBench.A, (await _bench.Ingest.Study()).StudyKey, new CorrectionOrder(scope, series, instance, CorrectionReason.Correct, "old HIS", values), LifecycleBench.By, null, default);

    private async Task<CorrectionRecord> CorrectAsync(CorrectionScope scope, string? series, string? instance, params (string Name, string Value)[] values)
    {
        var proposed = await ProposeAsync(scope, series, instance, values);
        Assert.Null(proposed.Refusal);
        var approved = await _bench.Corrections.ApproveAsync(IngestBench.A, proposed.Record!.Correction.Id, Second, default);
        Assert.Equal((null, CorrectionStatus.Applied), (approved.Refusal, approved.Record!.Status));
        return approved.Record;
    }

    private async Task<string[]> FindAsync(string name) =>
        [.. (await _bench.Ingest.Catalog.QueryStudiesAsync(IngestBench.A, new StudyQuery { PatientName = name }, 10, 0, null, default)).Items.Select(item => item.StudyKey)];

    /// <summary>Every served instance as a retrieval sends it.</summary>
    private async Task<List<(IndexEntry Entry, DicomFile File)>> FilesAsync()
    {
        var found = (await _bench.Retrieval.FindAsync(IngestBench.A, new RetrieveTarget("1.2.3"), default))!;
        var bytes = new InstanceBytes(_bench.Ingest.Packs, NullLogger<InstanceBytes>.Instance);
        using var cursor = bytes.Open();
        var files = new List<(IndexEntry, DicomFile)>();
        foreach (var instance in found.Instances)
        {
            var output = new MemoryStream();
            var writer = PipeWriter.Create(output);
            var corrections = found.CorrectionsOf(instance);
            if (corrections.Count == 0) await bytes.WriteAsync(cursor, instance.Entry, instance.Entry.TransferSyntaxUid, writer, default);
            else await CorrectedFile.WriteAsync(pipe => bytes.WriteAsync(cursor, instance.Entry, instance.Entry.TransferSyntaxUid, pipe, default), writer, corrections, default);
            await writer.FlushAsync();
            files.Add((instance.Entry, DicomFile.Read(output.ToArray())));
        }

        return files;
    }
}
