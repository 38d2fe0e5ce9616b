using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Quarantine;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;

namespace Skylight.Core.Tests.Catalog;

/// <summary>Objects newer than the records: what they say was hidden, held or corrected can be undone and decided about.</summary>
public sealed class LostRecordsTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2), LifecycleBench.Slice(3));

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Rebuild_RecordsAreLost_MakesThemAnew_Once_AndTheyWork()
    {
        var deleted = (await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Record!;
        var held = await _bench.Ingest.SendOne(LifecycleBench.Slice(3).With(file => file.Pixels = [9, 9, 9, 9]));
        var strange = await _bench.Ingest.SendOne(LifecycleBench.Slice(7).Set(0x00100020, "LO", "P2").Set(0x00100010, "PN", "Li^Si"));
        Assert.Equal((OutcomeKind.Held, OutcomeKind.Held), (held.Kind, strange.Kind));
        var key = (await _bench.Ingest.Study()).StudyKey;
        var order = new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, null, new Dictionary<string, string> { ["PatientName"] = "Zhang^Sanfeng" });
        var corrected = (await _bench.Corrections.ProposeAsync(IngestBench.A, key, order, LifecycleBench.By, null, default)).Record!;
        await _bench.Corrections.ApproveAsync(IngestBench.A, corrected.Correction.Id, "hospital-a/second", default);

        DocumentKey[] lost = [new(IngestBench.A, DeletionRecord.Type, deleted.Id), new(IngestBench.A, IntakeItem.Type, held.ItemId!), new(IngestBench.A, IntakeItem.Type, strange.ItemId!), new(IngestBench.A, CorrectionRecord.Type, corrected.Correction.Id)];
        foreach (var record in lost) await _bench.Ingest.Documents.DeleteAsync(record, Match.Any, default);
        await ForgetAsync();
        Assert.Equal(lost.Length, (await RebuildAsync()).Records);
        Assert.Equal(0, (await RebuildAsync()).Records);

        var items = (await _bench.Ingest.Items.ListAsync(IngestBench.A, IntakeStatus.Open, 10, null, default)).Items;
        Assert.Equal(new[] { held.ItemId, strange.ItemId }.Order(StringComparer.Ordinal), items.Select(item => item.Id).Order(StringComparer.Ordinal));
        Assert.All(items, item => Assert.Equal("record-lost", item.Value.Reason.Code));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal(RestoreOutcome.Restored, await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Id, LifecycleBench.By, default));
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], await _bench.ServedAsync());
        Assert.Equal("Zhang^Sanfeng", (await _bench.Ingest.Study()).Attributes.PatientName);
        Assert.Null((await _bench.Corrections.UndoAsync(IngestBench.A, corrected.Correction.Id, LifecycleBench.By, default)).Refusal);
        Assert.Equal("Zhang^San", (await _bench.Ingest.Study()).Attributes.PatientName);
        foreach (var item in items) Assert.Equal(IntakeStatus.Accepted, (await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, item.Id, LifecycleBench.By, null, default)).Item!.Status);
        Assert.Equal(0, (await _bench.Ingest.Study()).Held);
    }

    private async Task<RebuildReport> RebuildAsync()
    {
        var ingest = _bench.Ingest;
        var report = await new CatalogRebuild(ingest.Catalog, ingest.Store, ingest.Documents, ingest.Service, ingest.Items, ingest.Parts, ingest.Keys, _bench.Retired, NullLogger<CatalogRebuild>.Instance)
            .RunAsync(null, write: true, default);
        Assert.Empty(report.Unreadable);
        return report;
    }

    private async Task ForgetAsync()
    {
        foreach (var key in await _bench.Ingest.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default))
        {
            var study = (await _bench.Ingest.Catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value;
            await _bench.Ingest.Catalog.RemoveAsync(IngestBench.A, key, study.ETag(), [.. Enumerable.Range(1, 9).Select(number => $"1.2.3.1.{number}")], default);
        }
    }
}
