using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Patients;
using Skylight.Core.Tests.Ingest;

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
}
