using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Coding;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Dicom;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Compression;

/// <summary>A study compressed by policy: nothing that a reader sees changes, whatever breaks off, whoever interferes.</summary>
public sealed class StudyCompressionTests : IAsyncLifetime
{
    private readonly Breaks _breaks = new();
    private readonly IngestBench _bench;
    private readonly CompressionBench _compression;

    public StudyCompressionTests()
    {
        CompressionBench.Usable("jpeg-ls");
        _bench = new IngestBench(wrapStore: store => new BreakingStore(store, _breaks), wrapCommit: commit => new BreakingCommit(commit, _breaks));
        _compression = new CompressionBench(_bench);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Compress_ThenNothingIsDueUntilMoreArrivesOrThePolicyChanges()
    {
        await SendAsync(1, 5);
        await _compression.CompleteAsync();
        Assert.Empty((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        await _compression.PolicyAsync("jpeg-ls");
        Assert.Equal([(await _bench.Study()).StudyKey], (await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        var tally = await _compression.CompressAsync();
        Assert.Equal((5, 0), (tally.Coded, tally.Refused));
        Assert.True(tally.StoredBytes < tally.Bytes / 2);
        Assert.Empty((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        Assert.Equal(CodingTally.None, await _compression.CompressAsync());

        await SendAsync(6, 6);
        await _compression.CompleteAsync();
        Assert.Single((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        Assert.Equal(1, (await _compression.CompressAsync()).Coded);
        await _compression.PolicyAsync("jpeg-ls", minBytes: 2);
        Assert.Single((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        Assert.Equal(CodingTally.None, await _compression.CompressAsync());
        Assert.Empty((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        await SameAsync(6);
    }

    [Fact]
    public async Task Compress_FramesHeadersAndPictures_AreReadAsBefore()
    {
        await _bench.SendOne(Slice(1, frames: 3));
        var stored = Assert.Single(await _bench.Entries(await _bench.Study()));
        var before = await ReadAsync(stored);
        await _compression.PolicyAsync("jpeg-ls");
        Assert.Equal(1, (await _compression.CompressAsync()).Coded);
        var coded = Assert.Single(await _bench.Entries(await _bench.Study()));
        Assert.True(coded.CodedLength > 0);
        Assert.Equal(before, await ReadAsync(coded));
        Assert.Equal(stored.FrameTable, coded.FrameTable);
    }

    [Fact]
    public async Task Compress_BrokenOffAtEveryStep_LosesNothing_AndEndsRight()
    {
        await _compression.PolicyAsync("jpeg-ls");
        var steps = 0;
        for (var crashed = true; crashed; steps++)
        {
            await SendAsync((3 * steps) + 1, (3 * steps) + 3);
            _breaks.After = steps;
            try
            {
                await _compression.CompressAsync();
                crashed = false;
            }
            catch (BreakException)
            {
                // As a process that dies there.
            }

            _breaks.After = int.MaxValue;
            await SameAsync(3 * (steps + 1));
            await _compression.CompressAsync();
            await SameAsync(3 * (steps + 1));
            Assert.All(await _bench.Entries(await _bench.Study()), entry => Assert.True(entry.CodedLength > 0));
        }

        Assert.InRange(steps, 6, 40);

        // What the broken attempts left goes with the retired objects, or with the sweep of those that nobody names; the rest is whole.
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        Assert.DoesNotContain((await _compression.VerifyAsync()).Findings, finding => finding.Code != "object-unreferenced");
        await SameAsync(3 * steps);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Compress_CodecThatErrs_LeavesTheOriginalsAndSaysSo(int good)
    {
        await SendAsync(1, 4);
        var erring = new CompressionBench(_bench, new PictureCodecs([new Erring(new JpegLsPictures(), good)]));
        await erring.PolicyAsync("jpeg-ls");
        var tally = await erring.CompressAsync();
        Assert.InRange(tally.Coded, 0, 4);
        await SameAsync(4);

        // It has been looked at: the same policy does not try again.
        await _compression.CompleteAsync();
        Assert.Empty((await erring.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        await SameAsync(4);
    }

    [Fact]
    public async Task Compress_WithoutTheLibrary_CompressesNothing_AndWhatIsCompressedNamesIt()
    {
        await SendAsync(1, 2);
        await _compression.CompleteAsync();
        await _compression.PolicyAsync("jpeg-ls");
        var without = new CompressionBench(_bench, new PictureCodecs([new Erring(new JpegLsPictures(), 0) { Missing = "libcharls.so.2 is not installed (Debian package libcharls2)." }]));
        Assert.Empty((await without.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        Assert.Equal(CodingTally.None, await without.CompressAsync());
        Assert.Equal(2, (await _compression.CompressAsync()).Coded);
        var entry = (await _bench.Entries(await _bench.Study()))[0];
        Assert.Contains("libcharls2", (await Assert.ThrowsAsync<CodecUnavailableException>(() => without.SameAsync(entry))).Message, StringComparison.Ordinal);
        Assert.All((await without.VerifyAsync()).Findings, finding => Assert.Equal("codec-missing", finding.Code));
        await SameAsync(2);
    }

    [Fact]
    public async Task Compress_WarmStudy_StaysInItsTier()
    {
        await SendAsync(1, 3);
        await _compression.CompleteAsync();
        var key = (await _bench.Study()).StudyKey;
        await _compression.Tiers.MoveAsync(IngestBench.A, key, StorageTier.Warm, default);
        await _compression.PolicyAsync("jpeg-ls");
        Assert.Equal(3, (await _compression.CompressAsync()).Coded);
        foreach (var entry in await _bench.Entries(await _bench.Study()))
            Assert.Equal(ObjectTier.Cool, (await _bench.Store.GetStatusAsync(entry.Pack.Name, default))!.Value.Tier);
        await _compression.Tiers.MoveAsync(IngestBench.A, key, StorageTier.Archive, default);
        await _compression.PolicyAsync("jpeg-ls", minBytes: 3);
        Assert.Empty((await _compression.Sweep.PlanAsync(IngestBench.A, null, default)).Studies);
        Assert.Equal(CodingTally.None, await _compression.CompressAsync());
    }

    [Fact]
    public async Task Compress_MoreArrivesAndIsDeletedMeanwhile_NothingIsLostOrComesBack()
    {
        await SendAsync(1, 4);
        await _compression.PolicyAsync("jpeg-ls");
        var interfered = false;
        _breaks.BeforeCommit = async () =>
        {
            if (interfered) return;
            interfered = true;
            await SendAsync(5, 5);
            await _bench.Deletions.DeleteAsync(IngestBench.A, new RetrieveTarget("1.2.3", "1.2.3.1", "1.2.3.1.2"), DeletionReason.Quality, "somebody", default);
        };
        await _compression.CompressAsync();
        Assert.True(interfered);
        _breaks.BeforeCommit = null;
        Assert.Equal(4, (await _bench.Study()).Instances());
        await _compression.CompressAsync();
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        var entries = await _bench.Entries(await _bench.Study());
        Assert.Equal(EntryState.Hidden, Assert.Single(entries, entry => entry.SopInstanceUid == "1.2.3.1.2").State);
        foreach (var entry in entries) await _compression.SameAsync(entry);
        Assert.All(entries, entry => Assert.True(entry.CodedLength > 0));
        Assert.Empty((await _compression.VerifyAsync()).Findings);
    }

    [Fact]
    public async Task Rebuild_OfACompressedStudy_ReadsTheSame()
    {
        await SendAsync(1, 3);
        await _compression.PolicyAsync("jpeg-ls");
        await _compression.CompressAsync();
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        await using var file = SqliteDatabase.Open(Path.Combine(_bench.DataFolder, "rebuilt.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        var catalog = new SqliteCatalog(file);
        var rebuild = new CatalogRebuild(catalog, _bench.Store, _bench.Documents, _bench.Service, _bench.Items, _bench.Parts, _bench.Keys, _compression.Retired, NullLogger<CatalogRebuild>.Instance);
        Assert.Empty((await rebuild.RunAsync(null, write: true, default)).Unreadable);
        var study = (await catalog.GetStudyAsync(IngestBench.A, "1.2.3", default))!.Value;
        Assert.Empty(DerivedFields.Differences(study, await _bench.Study()));
        foreach (var entry in await _bench.Entries(study)) await _compression.SameAsync(entry);
    }

    private static TestDicom Slice(int number, int frames = 1)
    {
        var pixels = new byte[frames * 2 * 60 * 50];
        for (var i = 0; i < pixels.Length / 2; i++) BitConverter.TryWriteBytes(pixels.AsSpan(2 * i), (short)((Math.Sin(i / 40.0) * 900) + (i % 3) + number - 1000));
        return TestDicom.Ct(sop: FormattableString.Invariant($"1.2.3.1.{number}")).With(file => file.Pixels = pixels).Set(0x00280008, "IS", frames.ToString(System.Globalization.CultureInfo.InvariantCulture))
            .Us(0x00280010, 60).Us(0x00280011, 50).Us(0x00280100, 16).Us(0x00280101, 16).Us(0x00280102, 15).Us(0x00280103, 1);
    }

    private async Task SendAsync(int first, int last)
    {
        for (var i = first; i <= last; i++) await _bench.SendOne(Slice(i));
    }

    private async Task SameAsync(int count)
    {
        var entries = await _bench.Entries(await _bench.Study());
        Assert.Equal(count, entries.Count);
        foreach (var entry in entries) await _compression.SameAsync(entry);
    }

    /// <summary>What the readers of the product make of an instance, as text.</summary>
    private async Task<string> ReadAsync(IndexEntry entry)
    {
        var bytes = new InstanceBytes(_compression.Packs, NullLogger<InstanceBytes>.Instance);
        using var cursor = bytes.Open();
        using var pixels = new InstancePixels(_compression.Packs, new NativeFrames(_compression.Packs, NullLogger<NativeFrames>.Instance), Options.Create(new RenderingOptions()), NullLogger<InstancePixels>.Instance);
        var source = await pixels.OpenAsync(entry, default);
        var text = new System.Text.StringBuilder();
        for (var frame = 0; frame < source.Layout.Frames; frame++)
        {
            text.AppendLine(Convert.ToHexString(await CollectAsync(writer => bytes.WriteFrameAsync(cursor, entry, FrameTable.Parse(entry.FrameTable), frame, writer, default).AsTask())));
            using var decoded = await pixels.DecodeAsync(source, frame, default);
            text.AppendLine(Convert.ToHexString(decoded.Values.Span));
        }

        text.AppendLine(Convert.ToHexString(await CollectAsync(writer => bytes.CopyOriginalAsync(entry, writer, default))));
        text.AppendLine(Convert.ToHexString(await CollectAsync(writer => bytes.CopyRangeAsync(cursor, entry, 100, 3000, writer, default))));
        text.AppendLine(Convert.ToHexString(await CollectAsync(writer => bytes.WriteAsync(cursor, entry, entry.TransferSyntaxUid, writer, default))));
        return text.ToString();
    }

    private static async Task<byte[]> CollectAsync(Func<PipeWriter, Task> write)
    {
        var collected = new MemoryStream();
        var writer = PipeWriter.Create(collected);
        await write(writer);
        await writer.CompleteAsync();
        return collected.ToArray();
    }
}
