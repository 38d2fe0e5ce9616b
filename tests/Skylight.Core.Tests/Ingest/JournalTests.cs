using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Ingest as the edge does it: small commits in the journal.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly string _copy = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_copy, recursive: true);
    }

    private static TestDicom Slice(int number, int study = 0) => TestDicom.Ct(study: $"1.2.{study}", series: $"1.2.{study}.1", sop: $"1.2.{study}.1.{number}");

    /// <summary>What a crash leaves: the files as they are at this moment.</summary>
    private void Copy(Func<string, bool> take)
    {
        foreach (var path in Directory.GetFiles(_folder, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(_folder, path);
            if (!take(relative) || Path.GetFileName(relative) == "lock") continue;
            var target = Path.Combine(_copy, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using (var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            using (var to = File.Create(target)) from.CopyTo(to);
            File.SetUnixFileMode(target, File.GetUnixFileMode(path));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Crash_AfterSuccess_LosesNothing(bool catalogLost)
    {
        await using (var bench = new IngestBench(_folder, journal: true))
        {
            await bench.StartAsync();
            var sent = await Task.WhenAll(Enumerable.Range(0, 8).Select(study => bench.Send([.. Enumerable.Range(0, 5).Select(i => Slice(i, study))])));
            Assert.All(sent.SelectMany(files => files), file => Assert.Equal(OutcomeKind.Stored, file.Kind));
            Assert.Empty(await bench.Objects());
            Copy(relative => !catalogLost || !relative.StartsWith("catalog.db", StringComparison.Ordinal));
        }

        await using var after = new IngestBench(_copy, journal: true);
        await after.StartAsync();
        Assert.Equal(8, (await after.Catalog.QueryStudiesAsync(IngestBench.A, new StudyQuery(), 100, 0, null, default)).Items.Count);
        for (var study = 0; study < 8; study++)
        {
            var document = await after.Study($"1.2.{study}");
            Assert.Equal(5, document.Instances());
            foreach (var entry in new SeriesIndex(await after.Entries(document)).Served)
                Assert.Equal(Slice(int.Parse(entry.SopInstanceUid.Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture), study).ToBytes(), await after.Bytes(entry));
            Assert.All(await after.Send(Slice(0, study), Slice(9, study)), file => Assert.True(file.IsSuccess));
        }
    }

    [Fact]
    public async Task Race_ThroughTheJournal_LosesAndDoublesNothing()
    {
        await using var bench = new IngestBench(_folder, journal: true);
        await bench.StartAsync();
        var sent = await Task.WhenAll(Enumerable.Range(0, 6).Select(n => Task.Run(() => bench.Send([.. Enumerable.Range(0, 12).Select(i => Slice((i + n) % 16))]))));
        Assert.Equal(16, sent.SelectMany(files => files).Count(file => file.Kind == OutcomeKind.Stored));
        Assert.Equal(16, (await bench.Study("1.2.0")).Instances());
        Assert.Equal(16, new SeriesIndex(await bench.Entries(await bench.Study("1.2.0"))).Served.Count());
    }
}
