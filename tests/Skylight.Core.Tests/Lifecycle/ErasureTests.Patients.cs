using Skylight.Core.Access;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Patients;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>A study that was another patient's in its time leaves none of them behind.</summary>
public sealed partial class ErasureTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_OfACorrectedStudy_LeavesNoRecordOfAnyPatientThatItWasOf(bool undone)
    {
        await using (var ingest = await OpenAsync())
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await ingest.Send(Slice(1), Slice(2));
            var first = await CorrectAsync(bench, "1.2.3", ("PatientID", "P-WRONG"), ("PatientName", "Wrong^Erased"));
            var second = await CorrectAsync(bench, "1.2.3", ("IssuerOfPatientID", "OTHERHOSPITAL"));
            Assert.Equal(["P-ERASED", "P-WRONG", "P-WRONG"], await PatientsAsync(ingest));
            if (undone)
            {
                await bench.Corrections.UndoAsync(IngestBench.A, first, "hospital-a/second", default);
                await bench.Corrections.UndoAsync(IngestBench.A, second, "hospital-a/second", default);
            }

            var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
            Assert.Equal((ErasureStatus.Erased, true), (erased.Status, erased.PatientErased));
            Assert.Empty(await PatientsAsync(ingest));
            Assert.Empty(Found(Name, "P-ERASED", "P-WRONG", "Wrong^Erased"));
        }

        Assert.Empty(Found(Name, "P-ERASED", "P-WRONG", "Wrong^Erased"));
    }

    [Fact]
    public async Task Erase_OfACorrectedStudy_LeavesPatientsWhoHaveAnother_AlsoOneThatACorrectionTookAway()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.SendOne(Slice(1));
        await ingest.SendOne(TestDicom.Ct(study: "1.8", series: "1.8.1", sop: "1.8.1.1", patient: "P-THIRD", name: "Third^Kept"));
        await ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER", name: "Wang^Other"));
        await CorrectAsync(bench, "1.8", ("PatientID", "P-FOURTH"));
        foreach (var id in (string[])["P-THIRD", "P-OTHER", "P-LAST"]) await CorrectAsync(bench, "1.2.3", ("PatientID", id));
        Assert.Equal(["P-ERASED", "P-FOURTH", "P-LAST", "P-OTHER", "P-THIRD"], await PatientsAsync(ingest));
        await bench.RunAsync((await bench.ApprovedAsync()).Id);
        Assert.Equal(["P-FOURTH", "P-OTHER", "P-THIRD"], await PatientsAsync(ingest));
    }

    private static async Task<string> CorrectAsync(LifecycleBench bench, string uid, params (string Name, string Value)[] values)
    {
        var order = new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, null, values.ToDictionary(value => value.Name, value => value.Value));
        var proposed = await bench.Corrections.ProposeAsync(IngestBench.A, (await bench.Ingest.Study(uid)).StudyKey, order, LifecycleBench.By, null, default);
        Assert.Null(proposed.Refusal);
        Assert.Null((await bench.Corrections.ApproveAsync(IngestBench.A, proposed.Record!.Correction.Id, "hospital-a/second", default)).Refusal);
        return proposed.Record.Correction.Id;
    }

    private static async Task<string[]> PatientsAsync(IngestBench ingest) =>
        [.. (await ingest.Documents.ListAsync<PatientRecord>(IngestBench.A, PatientRecord.Type, null, 100, null, default)).Items.Select(item => item.Value.Identifiers[0].Value).Order(StringComparer.Ordinal)];
    [Fact]
    public async Task Erase_WithTheStudyReceivedAnewMeanwhile_LeavesThatWhatIsItsOwn()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        var relations = new RelationRecords(ingest.Documents, new NoSubjects());
        await ingest.Send(Slice(1), Slice(2));
        var key = (await ingest.Study()).StudyKey;
        var order = new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, null, new Dictionary<string, string> { ["StudyDescription"] = "Other" });
        var old = (await bench.Corrections.ProposeAsync(IngestBench.A, key, order, LifecycleBench.By, null, default)).Record!;
        await relations.AddAsync(IngestBench.A, Care(null, key), null, default);
        var patient = await relations.AddAsync(IngestBench.A, Care((await ingest.Study()).PatientKey, null), null, default);
        var erasure = await bench.ApprovedAsync();
        while ((await bench.Erasure.GetAsync(IngestBench.A, erasure.Id, default))!.Value.Step < ErasureStep.Records) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);

        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        await ingest.Send(Slice(1), Slice(2), Slice(3));
        Assert.Equal(CorrectionRefusal.Missing, (await bench.Corrections.ApproveAsync(IngestBench.A, old.Correction.Id, "hospital-a/second", default)).Refusal);
        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        var own = (await bench.Corrections.ProposeAsync(IngestBench.A, key, order, LifecycleBench.By, null, default)).Record!;
        var hidden = (await bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Record!;
        var newer = await relations.AddAsync(IngestBench.A, Care(null, key), null, default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);

        Assert.Equal(own.Correction.Id, Assert.Single((await bench.Corrections.ListAsync(IngestBench.A, key, null, 10, null, default)).Items).Id);
        Assert.Equal(RestoreOutcome.Restored, await bench.Deletions.RestoreAsync(IngestBench.A, hidden.Id, LifecycleBench.By, default));
        Assert.Equal(3, (await bench.ServedAsync()).Length);
        var active = (await relations.ListCareAsync(IngestBench.A, null, 10, null, default)).Items.Where(item => item.Value.RevokedAt is null).Select(item => item.Id);
        Assert.Equal(new[] { patient.Id, newer.Id }.Order(StringComparer.Ordinal), active.Order(StringComparer.Ordinal));

        CareRelation Care(string? patientKey, string? studyKey) => new(
            1, "hospital-a/doctor", CareRelationKind.Treating, false, patientKey, studyKey, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, "encounter 1", LifecycleBench.By, ingest.Time.GetUtcNow(), null);
    }

    private sealed class NoSubjects : IStudySubjects
    {
        public ValueTask<StudySubject?> FindAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<string>> AliasesAsync(string institution, string patientKey, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_WhileTheStudyComesAgain_LeavesWhatReportsSayOfTheNewOne(bool again)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1));
        var part = new UploadReportPart { Received = 1, Stored = 1, Series = [new("1.2.3", "1.2.3.1", 1)] };
        await bench.Reports.WriteAsync(IngestBench.A, "up1", 0, part, default);
        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        var erasure = await bench.ApprovedAsync();
        while ((await bench.Erasure.GetAsync(IngestBench.A, erasure.Id, default))!.Value.Step < ErasureStep.Records) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        ingest.Time.Advance(TimeSpan.FromMinutes(1));
        if (again)
        {
            await ingest.Send(Slice(1));
            await bench.Reports.WriteAsync(IngestBench.A, "up1", 1, part, default);
            await bench.Reports.WriteAsync(IngestBench.A, "up2", 0, part, default);
            ingest.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);
        foreach (var upload in (string[])["up1", "up2"])
            Assert.Equal(again ? [new ReportedStudy("1.2.3", 1, 1)] : [], (await bench.Reports.ReadAsync(IngestBench.A, upload, default)).Studies);
    }
}
