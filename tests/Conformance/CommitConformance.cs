using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="ICommit"/> must do with its catalog and object store: all of a change is there, at once and after a restart, or nothing of it is.</summary>
public abstract class CommitConformance
{
    private const string A = "hospital-a";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract ICommit Commit { get; }

    protected abstract ICatalog Catalog { get; }

    protected abstract IObjectStore Store { get; }

    /// <summary>What was acknowledged is all that the next process finds.</summary>
    protected abstract Task RestartAsync();

    [Fact]
    public async Task Commit_ThenRead_GivesDocumentRowsAndObjects_AtOnceAndAfterARestart()
    {
        var first = StudyChange.Of(null, Study(1), [Row(Study(1), "1.1")]);
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(first, ("hospital-a/key00001/a.pack", 100_000), ("hospital-a/key00001/b.index", 700)));
        await CheckAsync();
        await RestartAsync();
        await CheckAsync();
        var second = StudyChange.Of(first.Document, first.Document with { Level = 2 }, []);
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(second, ("hospital-a/key00001/c.index", 900)));
        await RestartAsync();
        Assert.Equal((2, 2L), (await FindAsync(1))!.Value is var study ? (study.Level, study.Revision) : default);
        await CheckAsync();

        async Task CheckAsync()
        {
            Assert.Equal("1.2.3.1", (await FindAsync(1))!.Value.StudyInstanceUid);
            Assert.Single(await Catalog.FindInstancesAsync(A, ["1.1"], default));
            foreach (var (name, length) in ((string, int)[])[("hospital-a/key00001/a.pack", 100_000), ("hospital-a/key00001/b.index", 700)]) Assert.Equal(Bytes(length), await ReadAsync(name));
        }
    }

    [Fact]
    public async Task Commit_OverAnotherVersion_IsAConflict_AndLeavesNothing()
    {
        var first = StudyChange.Of(null, Study(1), []);
        await CommitAsync(first);
        var late = StudyChange.Of(null, Study(1) with { Level = 5 }, [Row(Study(1), "1.9")]);
        Assert.Equal(CommitOutcome.Conflict, await CommitAsync(late, ("hospital-a/key00001/late.index", 500)));
        await RestartAsync();
        Assert.Equal(("1", first.Document.Level), (await FindAsync(1)) is { } study ? (study.ETag, study.Value.Level) : default);
        Assert.Empty(await Catalog.FindInstancesAsync(A, ["1.9"], default));
        Assert.Null(await Store.GetLengthAsync("hospital-a/key00001/late.index", default));
    }

    [Fact]
    public async Task Commit_Racing_MakesEachRevisionOnce_WithTheObjectsOfItsWriter()
    {
        var first = StudyChange.Of(null, Study(1), []);
        await CommitAsync(first);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 6).Select(writer => Task.Run(() =>
            CommitAsync(StudyChange.Of(first.Document, first.Document with { Held = writer }, []), ($"hospital-a/key00001/{writer}.index", 300 + writer)))));
        var winner = Assert.Single(Enumerable.Range(0, 6), writer => outcomes[writer] == CommitOutcome.Committed);
        await RestartAsync();
        Assert.Equal((winner, 2L), (await FindAsync(1))!.Value is var study ? (study.Held, study.Revision) : default);
        for (var writer = 0; writer < 6; writer++)
            Assert.Equal(writer == winner ? 300 + writer : null, await Store.GetLengthAsync($"hospital-a/key00001/{writer}.index", default));
    }

    [Fact]
    public async Task Remove_ThenRestart_BringsNothingBack()
    {
        await CommitAsync(StudyChange.Of(null, Study(1), [Row(Study(1), "1.1")]));
        await CommitAsync(StudyChange.Of(null, Study(2), [Row(Study(2), "1.2")]));
        Assert.Equal(CommitOutcome.Conflict, await Commit.RemoveAsync(A, "key00001", "7", ["1.1"], default));
        Assert.Equal(CommitOutcome.Committed, await Commit.RemoveAsync(A, "key00001", "1", ["1.1"], default));
        Assert.Equal(CommitOutcome.Committed, await Commit.RemoveAsync(A, "key00001", "1", ["1.1"], default));
        await RestartAsync();
        await Commit.PurgeAsync(default);
        Assert.Null(await FindAsync(1));
        Assert.Empty(await Catalog.FindInstancesAsync(A, ["1.1"], default));
        Assert.NotNull(await FindAsync(2));
        Assert.Equal(["key00002"], (await Catalog.QueryStudiesAsync(A, new StudyQuery(), 10, 0, null, default)).Items.Select(study => study.StudyKey));

        // The same study comes again and is a new one.
        Assert.Equal(CommitOutcome.Committed, await CommitAsync(StudyChange.Of(null, Study(1), [])));
        await RestartAsync();
        Assert.Equal("1", (await FindAsync(1))!.ETag);
    }

    private static StudyDocument Study(int number) => new()
    {
        Institution = A,
        StudyKey = $"key{number:D5}",
        StudyInstanceUid = $"1.2.3.{number}",
        PatientKey = $"patient{number}",
        Attributes = new StudyAttributes { PatientName = "Zhang^San=张^三", PatientId = $"P{number}", StudyDate = "20260301", Modalities = ["CT"] },
        State = StudyState.Complete,
        CreatedAt = Now,
        ReceivedAt = Now,
        Series = [new SeriesRecord { SeriesKey = $"series{number}", SeriesInstanceUid = $"1.2.3.{number}.1", Attributes = new SeriesAttributes { Modality = "CT" }, Instances = 1 }],
    };

    private static InstanceIndexRow Row(StudyDocument study, string sop) => new()
    {
        SopInstanceUid = sop,
        SopClassUid = "1.2.840.10008.5.1.4.1.1.2",
        StudyKey = study.StudyKey,
        SeriesKey = study.Series[0].SeriesKey,
        DatasetDigest = [1, 1],
        PixelDigest = [1, 2],
        PixelDigestKind = "native",
        FileSha256 = [1, 3],
        Revision = 1,
        Trust = SourceTrust.Modality,
    };

    private static byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private ValueTask<Stored<StudyDocument>?> FindAsync(int number) => Catalog.GetStudyByKeyAsync(A, $"key{number:D5}", default);

    private async Task<CommitOutcome> CommitAsync(StudyChange change, params (string Name, int Length)[] objects)
    {
        SmallObject[] small = [.. objects.Select(item => new SmallObject(item.Name, Bytes(item.Length)))];
        try
        {
            return await Commit.CommitAsync(new CommitBatch(change, small), default);
        }
        finally
        {
            foreach (var item in small) item.Dispose();
        }
    }

    private async Task<byte[]> ReadAsync(string name)
    {
        var bytes = new byte[(int)(await Store.GetLengthAsync(name, default) ?? throw new ObjectMissingException(name))];
        Assert.Equal(bytes.Length, await Store.ReadAsync(name, 0, bytes, default));
        return bytes;
    }
}
