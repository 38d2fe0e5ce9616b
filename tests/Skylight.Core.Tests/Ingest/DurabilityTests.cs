using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Events;
using Skylight.Core.Ingest;
using Skylight.Core.Studies;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Crashes, full disks, races and repetitions.</summary>
public sealed class DurabilityTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TestDicom Slice(int number) => TestDicom.Ct(sop: $"1.2.3.1.{number}");

    private static async Task<IngestReport> Run(IngestBench bench, string? batchId, params TestDicom[] files)
    {
        await using var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), "upload", null, batchId));
        for (var i = 0; i < files.Length; i++) await batch.AddFileAsync(files[i].ToStream(), new IngestName($"{i}"), default);
        return await batch.CommitAsync(default);
    }

    [Fact]
    public async Task Commit_RepeatedAfterACrashBeforeTheReport_ReportsTheSame()
    {
        await using var bench = new IngestBench();
        TestDicom[] files = [Slice(1), Slice(2), Slice(1)];
        var first = await Run(bench, "0", files);
        var second = await Run(bench, "0", files);
        Assert.Equal([OutcomeKind.Stored, OutcomeKind.Stored, OutcomeKind.Duplicate], first.Files.Select(file => file.Kind));
        Assert.Equal(first.Files.Select(file => file.Kind), second.Files.Select(file => file.Kind));
        Assert.All((await Run(bench, "1", files)).Files, file => Assert.Equal(OutcomeKind.Duplicate, file.Kind));
        Assert.Equal((2, 1), ((await bench.Study()).Instances(), (int)(await bench.Study()).Revision));
    }

    [Fact]
    public async Task Crash_BetweenPackAndCommit_LeavesNoVisibleHalf()
    {
        await using (var bench = new IngestBench(_folder, wrapCommit: _ => new DyingCommit()))
            await Assert.ThrowsAsync<IOException>(() => Run(bench, "0", Slice(1), Slice(2).With(file => file.Pixels = new byte[3 << 20])));
        await using var after = new IngestBench(_folder);
        Assert.Null(await after.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
        Assert.Empty(await after.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1", "1.2.3.1.2"], default));
        var again = await Run(after, "0", Slice(1), Slice(2));
        Assert.All(again.Files, file => Assert.Equal(OutcomeKind.Stored, file.Kind));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task DiskFull_InTheMiddle_ThrowsAndKeepsWhatWasThere(int objectsThatFit)
    {
        await using var bench = new IngestBench(_folder, wrapStore: store => new FullStore(store));
        var full = (FullStore)bench.Store;
        await Run(bench, "0", Slice(1));
        full.Allow = objectsThatFit;
        await Assert.ThrowsAsync<StorageFullException>(() => Run(bench, "1", Slice(2).With(file => file.Pixels = new byte[3 << 20])));
        Assert.Equal(1, (await bench.Study()).Instances());
        full.Allow = int.MaxValue;
        Assert.All((await Run(bench, "1", Slice(2))).Files, file => Assert.Equal(OutcomeKind.Stored, file.Kind));
        Assert.Equal(2, (await bench.Study()).Instances());
        foreach (var entry in await bench.Entries(await bench.Study())) Assert.NotEmpty(await bench.Bytes(entry));
    }

    [Fact]
    public async Task Race_OfTwoBatchesOfOneStudy_LosesAndDoublesNothing()
    {
        await using var bench = new IngestBench();
        var reports = await Task.WhenAll(Enumerable.Range(0, 6).Select(n => Task.Run(() => Run(bench, $"{n}", [.. Enumerable.Range(0, 12).Select(i => Slice((i + n) % 16))]))));
        var study = await bench.Study();
        Assert.Equal(16, study.Instances());
        Assert.Equal(16, reports.Sum(report => report.Count(OutcomeKind.Stored)));
        Assert.Equal((6 * 12) - 16, reports.Sum(report => report.Count(OutcomeKind.Duplicate)));
        var served = SeriesIndex.Merge([new SeriesIndex(await bench.Entries(study))]).Served.ToList();
        Assert.Equal(16, served.Select(entry => entry.SopInstanceUid).Distinct().Count());
        foreach (var entry in served) Assert.Equal(Slice(int.Parse(entry.SopInstanceUid.Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture)).ToBytes(), await bench.Bytes(entry));
    }

    [Fact]
    public async Task Race_OfTwoPatientsForOneNewStudy_HoldsTheLater()
    {
        await using var bench = new IngestBench();
        await using var late = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        await late.AddInstanceAsync(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2").ToStream(), new IngestName("late"), default);
        await bench.SendOne(TestDicom.Ct());
        var outcome = (await late.CommitAsync(default)).Files[0];
        Assert.Equal((OutcomeKind.Held, "patient-mismatch"), (outcome.Kind, outcome.Reason!.Code));
        var provisional = (await bench.Catalog.GetStudyByKeyAsync(IngestBench.A, outcome.StudyKey!, default))!.Value;
        Assert.Equal(TestDicom.Ct(sop: "1.2.3.1.2", patient: "P2").ToBytes(), await bench.Bytes(Assert.Single(await bench.Entries(provisional))));
    }

    [Fact]
    public async Task Dispose_WithoutCommit_LeavesNoObject()
    {
        await using var bench = new IngestBench(configure: options => options.PackBytes = 1 << 20);
        await using (var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null)))
            for (var i = 0; i < 4; i++) await batch.AddInstanceAsync(Slice(i).With(file => file.Pixels = new byte[2 << 20]).ToStream(), new IngestName($"{i}"), default);
        Assert.Empty(await bench.Objects());
    }

    [Fact]
    public async Task Send_ManySmallCommits_MoveTheirPartsToAManifest_AndStayReadable()
    {
        await using var bench = new IngestBench();
        for (var i = 0; i < 1100; i++) await Run(bench, $"{i}", Slice(i));
        var study = await bench.Study();
        Assert.NotNull(study.Manifest);
        Assert.Equal(1100, (await bench.Parts.ListAsync(study, study.Series[0].SeriesKey, default)).Count);
        Assert.Equal(1100, (await bench.Entries(study)).Count(entry => entry.Current));
    }

    [Fact]
    public async Task Study_GoesFromReceivingOverQuietToComplete_AndBackWhenMoreComes()
    {
        await using var bench = new IngestBench();
        var clock = bench.Clock;
        await Run(bench, "0", Slice(1));
        Assert.Equal(["study.stored"], (await bench.Study()).Outbox.Select(item => item.Type));
        bench.Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(0, await clock.AdvanceAsync(default));
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, await clock.AdvanceAsync(default));
        var complete = await bench.Study();
        Assert.Equal((StudyState.Complete, "study.complete"), (complete.State, complete.Outbox[^1].Type));
        await Run(bench, "1", Slice(1));
        Assert.Equal(StudyState.Complete, (await bench.Study()).State);
        await Run(bench, "2", Slice(2));
        Assert.Equal((StudyState.Receiving, "study.updated"), ((await bench.Study()).State, (await bench.Study()).Outbox[^1].Type));
    }

    [Fact]
    public async Task Outbox_IsPublishedAtLeastOnce_AndCleared()
    {
        await using var bench = new IngestBench();
        var publisher = new Publisher();
        var outbox = new StudyOutbox(bench.Catalog, bench.Commit, publisher, bench.Time);
        await Run(bench, "0", Slice(1));
        publisher.Fail = true;
        await Assert.ThrowsAsync<IOException>(() => outbox.PublishAsync(default));
        Assert.Single((await bench.Study()).Outbox);
        publisher.Fail = false;
        Assert.Equal(1, await outbox.PublishAsync(default));
        Assert.Equal(0, await outbox.PublishAsync(default));
        Assert.Empty((await bench.Study()).Outbox);
        var study = await bench.Study();
        var item = Assert.Single(publisher.Events.DistinctBy(sent => sent.Id));
        Assert.Equal(("study.stored", $"studies/{study.StudyKey}", "/institutions/hospital-a"), (item.Type, item.Subject, item.Source));
        Assert.DoesNotContain("1.2.3", item.Data.GetRawText(), StringComparison.Ordinal);
    }

    private sealed class Publisher : IEventPublisher
    {
        public List<SkylightEvent> Events { get; } = [];

        public bool Fail { get; set; }

        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
        {
            Events.AddRange(events);
            return Fail ? throw new IOException("The connection broke after the events had gone.") : ValueTask.CompletedTask;
        }
    }

    private sealed class DyingCommit : ICommit
    {
        public Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken) => throw new IOException("The process died here.");

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PurgeAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>A store with room for so many more objects.</summary>
    private sealed class FullStore(IObjectStore inner) : IObjectStore
    {
        public int Allow { get; set; } = int.MaxValue;

        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) =>
            Allow-- > 0 ? inner.CreateAsync(name, cancellationToken) : throw new StorageFullException("The disk is full.");

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);
    }
}
