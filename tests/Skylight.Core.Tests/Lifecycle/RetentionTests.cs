using System.Reflection;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What retention counts from, and that one study which cannot be counted keeps nobody waiting.</summary>
public sealed class RetentionTests : IAsyncDisposable
{
    private readonly LifecycleBench _bench = new();

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData("99991231")]
    [InlineData("29990101")]
    public async Task Verdict_OfADateAfterArrival_CountsFromArrival(string date)
    {
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1).Set(0x00080020, "DA", date));
        var arrived = DateOnly.FromDateTime(_bench.Ingest.Time.GetUtcNow().UtcDateTime);
        var verdict = await _bench.Retention.OfAsync(await _bench.Ingest.Study(), default);
        Assert.Equal((arrived, arrived.AddYears(30)), (verdict.LastVisit, verdict.Until));
        Assert.Equal(DeletionOutcome.Hidden, (await _bench.DeleteAsync()).Outcome);
    }

    [Fact]
    public async Task Verdict_OfTheDayAfterArrival_CountsFromIt_SinceClocksAreAheadOfUtc()
    {
        var tomorrow = DateOnly.FromDateTime(_bench.Ingest.Time.GetUtcNow().UtcDateTime).AddDays(1);
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1).Set(0x00080020, "DA", tomorrow.ToString("yyyyMMdd", System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(tomorrow, (await _bench.Retention.OfAsync(await _bench.Ingest.Study(), default)).LastVisit);
    }

    [Fact]
    public async Task Verdict_PastTheLastYearThereIs_IsTheLastDayThereIs()
    {
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1));
        Assert.Equal(DateOnly.MaxValue, Retention.Of(await _bench.Ingest.Study(), new DateOnly(9990, 1, 1), new LifecycleOptions()).Until);
    }

    [Fact]
    public async Task Due_WithADeletionThatCannotBeAskedFor_AsksForTheOthers()
    {
        await _bench.RegisterAsync();
        await _bench.Ingest.SendOne(LifecycleBench.Slice(1));
        await _bench.Ingest.SendOne(TestDicom.Ct(study: "1.2.4", series: "1.2.4.1", sop: "1.2.4.1.1").Set(0x00100020, "LO", "P2"));
        var failing = FailingCatalog.Around(_bench.Ingest.Catalog);
        var deletions = new List<DeletionRecord>();
        foreach (var uid in new[] { "1.2.3", "1.2.4" })
            deletions.Add((await _bench.Deletions.DeleteAsync(IngestBench.A, new Core.Retrieve.RetrieveTarget(uid), DeletionReason.Unspecified, LifecycleBench.By, default)).Record!);
        _bench.Ingest.Time.Advance(TimeSpan.FromDays(365.25 * 31));
        var due = new ErasureDue(
            (ICatalog)(object)failing, _bench.Deletions, _bench.Requests, _bench.Institutions, _bench.Ingest.Time, Microsoft.Extensions.Logging.Abstractions.NullLogger<ErasureDue>.Instance);
        var started = new HashSet<string>();
        foreach (var broken in deletions)
        {
            failing.Broken = broken.StudyKey;
            started.Clear();
            await due.RunAsync((erasure, _) => { started.Add(erasure.StudyKey); return ValueTask.CompletedTask; }, default);
            Assert.Contains(deletions.Single(other => other != broken).StudyKey, started);
        }
    }

    /// <summary>A catalog in which one study cannot be read.</summary>
    public class FailingCatalog : DispatchProxy
    {
        private ICatalog _inner = null!;

        public string? Broken { get; set; }

        internal static FailingCatalog Around(ICatalog inner)
        {
            var proxy = (FailingCatalog)(object)Create<ICatalog, FailingCatalog>();
            proxy._inner = inner;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod!.Name == nameof(ICatalog.GetStudyByKeyAsync) && (string)args![1]! == Broken ? throw new IOException("A broken study.") : targetMethod.Invoke(_inner, args);
    }
}
