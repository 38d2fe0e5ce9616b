using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Batches that meet at one study, or at one SOP Instance UID.</summary>
public sealed class StudyCommitsTests
{
    private static TestDicom Slice(int number, string study = "1.2.3") => TestDicom.Ct(study: study, series: $"{study}.1", sop: $"9.9.{number}");

    /// <summary>Begun when it returns: the caller may count on its being in line.</summary>
    private static async Task<Task<IReadOnlyList<FileOutcome>>> Begin(IngestBench bench, TestDicom file)
    {
        var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        await batch.AddInstanceAsync(new MemoryStream(file.ToBytes()), new IngestName("0"), default);
        return Finish();

        async Task<IReadOnlyList<FileOutcome>> Finish()
        {
            await using (batch) return (await batch.CommitAsync(default)).Files;
        }
    }

    [Fact]
    public async Task Commit_OfManyBatchesWhileOneIsUnderWay_CostsOneMoreWriteForAllOfThem()
    {
        Turnstile? turnstile = null;
        await using var bench = new IngestBench(wrapCommit: inner => turnstile = new Turnstile(inner));
        var first = bench.Send(Slice(0));
        await turnstile!.Reached;
        var others = new List<Task<IReadOnlyList<FileOutcome>>>();
        for (var number = 1; number <= 20; number++) others.Add(await Begin(bench, Slice(number)));
        var again = await Begin(bench, Slice(7));
        turnstile.Open();
        Assert.All(await Task.WhenAll([first, .. others]), files => Assert.Equal(OutcomeKind.Stored, Assert.Single(files).Kind));
        Assert.Equal(OutcomeKind.Duplicate, Assert.Single(await again).Kind);

        var study = await bench.Study();
        Assert.Equal((21, 2L), (study.Instances(), study.Revision));
        foreach (var entry in await bench.Entries(study)) Assert.Equal(Slice(int.Parse(entry.SopInstanceUid[4..], System.Globalization.CultureInfo.InvariantCulture)).ToBytes(), await bench.Bytes(entry));
    }

    [Fact]
    public async Task Commit_OfAnotherPatientsBatchAmongThem_HoldsThatOneAlone()
    {
        Turnstile? turnstile = null;
        await using var bench = new IngestBench(wrapCommit: inner => turnstile = new Turnstile(inner));
        var first = bench.Send(Slice(0));
        await turnstile!.Reached;
        var same = await Begin(bench, Slice(1));
        var other = await Begin(bench, Slice(2).Set(0x00100020, "LO", "P2"));
        var last = await Begin(bench, Slice(3));
        turnstile.Open();
        Assert.All(await Task.WhenAll(first, same, last), files => Assert.Equal(OutcomeKind.Stored, Assert.Single(files).Kind));
        var held = Assert.Single(await other);
        Assert.Equal((OutcomeKind.Held, IngestReasons.PatientMismatch), (held.Kind, held.Reason));
        Assert.Equal(3, (await bench.Study()).Instances());
    }

    [Fact]
    public async Task Commit_OfOneUidInTwoStudiesAtOnce_StoresOneAndHoldsTheOther()
    {
        Turnstile? turnstile = null;
        await using var bench = new IngestBench(wrapCommit: inner => turnstile = new Turnstile(inner));
        var first = bench.Send(Slice(0));
        await turnstile!.Reached;
        var second = await Begin(bench, Slice(0, "1.2.4"));
        turnstile.Open();
        Assert.Equal(OutcomeKind.Stored, Assert.Single(await first).Kind);
        var held = Assert.Single(await second);
        Assert.Equal((OutcomeKind.Held, IngestReasons.OtherStudy), (held.Kind, held.Reason));
    }

    [Fact]
    public async Task Commit_ThatFailsWithOthersWaiting_FailsAloneAndLetsThemThrough()
    {
        Turnstile? turnstile = null;
        await using var bench = new IngestBench(wrapCommit: inner => turnstile = new Turnstile(inner) { Fails = true });
        var first = bench.Send(Slice(0));
        await turnstile!.Reached;
        var second = await Begin(bench, Slice(1));
        turnstile.Open();
        await Assert.ThrowsAsync<IOException>(() => first);
        Assert.Equal(OutcomeKind.Stored, Assert.Single(await second).Kind);
        Assert.Equal(1, (await bench.Study()).Instances());
    }

    /// <summary>Keeps the first commit until it is opened.</summary>
    private sealed class Turnstile(ICommit inner) : ICommit
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _commits;

        public Task Reached => _reached.Task;

        public bool Fails { get; init; }

        public void Open() => _open.SetResult();

        public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _commits) > 1) return await inner.CommitAsync(batch, cancellationToken);
            _reached.SetResult();
            await _open.Task;
            return Fails ? throw new IOException("The disk is gone.") : await inner.CommitAsync(batch, cancellationToken);
        }

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
            inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);

        public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
    }
}
