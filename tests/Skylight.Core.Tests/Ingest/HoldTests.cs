using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Quarantine;
using Skylight.Core.Tests.Lifecycle;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Nothing that is sent changes what is shown of a study on hold; what is added to it is taken.</summary>
public sealed class HoldTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask InitializeAsync()
    {
        await _bench.Ingest.Send(SourceTrust.Pacs, LifecycleBench.Slice(1), LifecycleBench.Slice(2));
        await _bench.Holds.SetAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, HoldKind.Legal, "7", LifecycleBench.By, null, default);
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Send_ARevision_IsHeld_AndTakenWhenItComesAgainAfterTheRelease()
    {
        var changed = LifecycleBench.Slice(1).Set(0x00081030, "LO", "rewritten");
        var held = await _bench.Ingest.SendOne(changed);
        Assert.Equal((OutcomeKind.Held, "study-on-hold"), (held.Kind, held.Reason!.Code));
        Assert.Equal(held.ItemId, (await _bench.Ingest.SendOne(changed)).ItemId);
        var study = await _bench.Ingest.Study();
        Assert.Equal(("Chest", 1), (study.Attributes.StudyDescription, study.Held));
        Assert.DoesNotContain("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);

        Assert.Equal(IntakeRefusal.OnHold, (await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, held.ItemId!, LifecycleBench.By, null, default)).Refusal);
        Assert.Equal(IntakeStatus.Open, (await _bench.Ingest.Items.GetAsync(IngestBench.A, held.ItemId!, default))!.Value.Status);
        await ReleaseAsync();
        Assert.Equal(OutcomeKind.Revision, (await _bench.Ingest.SendOne(changed)).Kind);
        Assert.Contains("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
        Assert.Equal(0, (await _bench.Ingest.Study()).Held);
    }

    [Fact]
    public async Task Accept_AfterTheRelease_MakesItCurrent()
    {
        var held = await _bench.Ingest.SendOne(LifecycleBench.Slice(1).Set(0x00081030, "LO", "rewritten"));
        await ReleaseAsync();
        Assert.Null((await _bench.Ingest.Intake.AcceptAsync(IngestBench.A, held.ItemId!, LifecycleBench.By, null, default)).Refusal);
        Assert.Contains("rewritten", await _bench.MetadataAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_AnotherInstance_IsTaken_UnlessItsBetterSourceRenamesTheStudy()
    {
        var changing = LifecycleBench.Slice(4).Set(0x00100040, "CS", "F");
        Assert.Equal((OutcomeKind.Held, "study-on-hold"), await _bench.Ingest.SendOne(changing) is var held ? (held.Kind, held.Reason!.Code) : default);
        Assert.Equal("M", (await _bench.Ingest.Study()).Attributes.PatientSex);
        Assert.Equal(OutcomeKind.Stored, (await _bench.Ingest.SendOne(LifecycleBench.Slice(3))).Kind);
        Assert.Equal(OutcomeKind.Stored, Assert.Single(await _bench.Ingest.Send(SourceTrust.Pacs, LifecycleBench.Slice(5).Set(0x00100040, "CS", "F"))).Kind);
        Assert.Equal(["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3", "1.2.3.1.5"], await _bench.ServedAsync());
    }

    private async Task ReleaseAsync()
    {
        var study = await _bench.Ingest.Study();
        Assert.NotNull((await _bench.Holds.ReleaseAsync(IngestBench.A, study.StudyKey, study.Holds[0].Id, LifecycleBench.By, default))!.Value.Hold);
    }
}
