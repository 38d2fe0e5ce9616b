using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Studies;

/// <summary>What time alone brings: a study goes quiet, its parts are merged where no journal does that, and it is complete.</summary>
public sealed class StudyClockTests
{
    [Fact]
    public async Task Advance_ToComplete_MergesFirst()
    {
        await using var bench = new IngestBench();
        await SendAsync(bench, 5);
        Assert.Equal(0, await bench.Clock.AdvanceAsync(default));
        Assert.Equal(5, (await bench.Study()).Series[0].Parts.Count);
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(2, await bench.Clock.AdvanceAsync(default));
        Assert.Equal((StudyState.Complete, 1, 5), State(await bench.Study()));
    }

    [Fact]
    public async Task Advance_WhereAJournalMerges_LeavesThatToIt()
    {
        await using var bench = new IngestBench();
        await SendAsync(bench, 3);
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        await bench.ClockBesideAJournal.AdvanceAsync(default);
        Assert.Equal((StudyState.Complete, 3, 3), State(await bench.Study()));
    }

    [Fact]
    public async Task Advance_InterruptedBeforeTheMerge_MergesWhenItIsAskedAgain()
    {
        await using var bench = new IngestBench();
        await SendAsync(bench, 4);
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        var study = await bench.Study();
        await bench.Commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, StudyStates.Advance(study, bench.Time.GetUtcNow(), "x")!), []), default);
        Assert.Equal((StudyState.Quiet, 4, 4), State(await bench.Study()));
        await bench.Clock.AdvanceAsync(default);
        Assert.Equal((StudyState.Complete, 1, 4), State(await bench.Study()));
    }

    [Fact]
    public async Task Advance_OfADamagedStudy_CompletesItAsItIs()
    {
        await using var bench = new IngestBench();
        await SendAsync(bench, 3);
        await bench.Store.DeleteAsync($"{IngestBench.A}/{(await bench.Study()).StudyKey}/{(await bench.Study()).Series[0].Parts[1].Index}", default);
        bench.Time.Advance(TimeSpan.FromMinutes(5));
        await bench.Clock.AdvanceAsync(default);
        Assert.Equal((StudyState.Complete, 3, 3), State(await bench.Study()));
    }

    private static (StudyState, int Parts, int Instances) State(StudyDocument study) => (study.State, study.Series[0].Parts.Count, study.Instances());

    private static async Task SendAsync(IngestBench bench, int count)
    {
        for (var i = 1; i <= count; i++) await bench.SendOne(TestDicom.Ct(sop: $"1.2.3.1.{i}"));
    }
}
