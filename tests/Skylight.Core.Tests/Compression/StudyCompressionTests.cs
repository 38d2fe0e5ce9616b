using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Coding;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
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

    [Theory]
    [InlineData(1 << 30)]
    [InlineData(7_000)]
    public async Task Compress_BrokenOffAtEveryStep_LosesNothing_AndEndsRight(long pieceBytes)
    {
        _compression.PieceBytes = pieceBytes;
        await _compression.PolicyAsync("jpeg-ls");
        var steps = 0;
        for (var crashed = true; crashed; steps++)
        {
            await _bench.Send([.. Enumerable.Range((3 * steps) + 1, 3).Select(i => Slice(i))]);
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

    [Theory]
    [InlineData(1, 9)]
    [InlineData(20_000, 3)]
    [InlineData(1 << 30, 1)]
    public async Task Compress_OneSeries_GoesInPieces_EachOfWhichLeavesItWhole(long pieceBytes, int pieces)
    {
        // One part of nine slices of 6 KB and more, in one pack.
        Assert.All(await _bench.Send([.. Enumerable.Range(1, 9).Select(i => Slice(i))]), outcome => Assert.Equal(OutcomeKind.Stored, outcome.Kind));
        await _compression.PolicyAsync("jpeg-ls");
        var compression = Pieces(pieceBytes);
        var (study, tally, steps) = (await _bench.Study(), CodingTally.None, 0);
        for (var next = (string?)"begin"; next is not null; steps++)
        {
            // The clock says after every piece that the step has taken long enough.
            var step = await compression.CompressAsync(IngestBench.A, study.StudyKey, next == "begin" ? null : next, default);
            (next, tally) = (step.Next, tally + step.Tally);
            await SameAsync(9);
            Assert.DoesNotContain((await _compression.VerifyAsync()).Findings, finding => finding.IsError);
        }

        Assert.Equal(9, tally.Coded);
        Assert.Equal(pieces, (await _bench.Study()).Series[0].Parts.Count);
        Assert.InRange(steps, pieces, pieces + 1);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        Assert.All(await _bench.Entries(await _bench.Study()), entry => Assert.True(entry.CodedLength > 0));
        Assert.Equal(pieces, (await _bench.Objects()).Count(name => name.EndsWith(".pack", StringComparison.Ordinal)));
        await SameAsync(9);
        Assert.Empty((await _compression.VerifyAsync()).Findings);
    }

    [Fact]
    public async Task Compress_InPieces_HiddenAndErasedInBetween_NothingComesBack_AndTheRestIsCompressed()
    {
        await _bench.Send([.. Enumerable.Range(1, 9).Select(i => Slice(i))]);
        await using var lifecycle = new LifecycleBench(ingest: _bench);
        await _compression.PolicyAsync("jpeg-ls");
        var (study, compression) = (await _bench.Study(), Pieces(20_000));
        var step = await compression.CompressAsync(IngestBench.A, study.StudyKey, null, default);
        Assert.NotNull(step.Next);

        // One that is compressed already goes, only its state so far; one that is not is hidden.
        var id = await lifecycle.ApprovedDeletionAsync("1.2.3.1", "1.2.3.1.1");
        while ((await lifecycle.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Step < ErasureStep.Objects) await lifecycle.Erasure.StepAsync(IngestBench.A, id, default);
        Assert.NotNull((await lifecycle.DeleteAsync("1.2.3.1", "1.2.3.1.8")).Record);
        for (var next = step.Next; next is not null; next = (await compression.CompressAsync(IngestBench.A, study.StudyKey, next, default)).Next) await SameServedAsync(7);
        await SameServedAsync(7);

        // The erasure still finds what it has to drop, wherever the pieces have left it.
        Assert.Equal(ErasureStatus.Erased, (await lifecycle.RunAsync(id)).Status);
        var left = await _bench.Entries(await _bench.Study());
        Assert.Equal(8, left.Count);
        Assert.Equal("1.2.3.1.8", Assert.Single(left, entry => entry.State == EntryState.Hidden).SopInstanceUid);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _compression.Retired.PurgeAsync(default);
        await SameAsync(8);
        Assert.DoesNotContain((await _compression.VerifyAsync()).Findings, finding => finding.IsError);
        var packs = (await _bench.Entries(await _bench.Study())).Select(entry => entry.Pack.Name).ToHashSet();
        Assert.All((await _bench.Objects()).Where(name => name.EndsWith(".pack", StringComparison.Ordinal)), name => Assert.Contains(name, packs));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rebuild_BetweenTwoPieces_IsWhatTheStudyIs(bool purged)
    {
        await _bench.Send([.. Enumerable.Range(1, 9).Select(i => Slice(i))]);
        await _compression.PolicyAsync("jpeg-ls");
        await Pieces(20_000).CompressAsync(IngestBench.A, (await _bench.Study()).StudyKey, null, default);
        Assert.Contains(await _bench.Entries(await _bench.Study()), entry => entry.CodedLength == 0);
        if (purged)
        {
            _bench.Time.Advance(TimeSpan.FromHours(25));
            await _compression.Retired.PurgeAsync(default);
        }

        await using var file = SqliteDatabase.Open(Path.Combine(_bench.DataFolder, "rebuilt.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        var catalog = new SqliteCatalog(file);
        var rebuild = new CatalogRebuild(catalog, _bench.Store, _bench.Documents, _bench.Service, _bench.Items, _bench.Parts, _bench.Keys, _compression.Retired, NullLogger<CatalogRebuild>.Instance);
        Assert.Empty((await rebuild.RunAsync(null, write: true, default)).Unreadable);
        var study = (await catalog.GetStudyAsync(IngestBench.A, "1.2.3", default))!.Value;
        Assert.Empty(DerivedFields.Differences(study, await _bench.Study()));
        Assert.Equal(
            (await _bench.Study()).Series[0].Parts.Select(part => part.Index).Order(StringComparer.Ordinal), study.Series[0].Parts.Select(part => part.Index).Order(StringComparer.Ordinal));
        foreach (var entry in await _bench.Entries(study)) await _compression.SameAsync(entry);
    }

    /// <summary>Takes pieces of so many bytes, one a step.</summary>
    private StudyCompression Pieces(long bytes) => new(
        _bench.Catalog, _compression.Policies, _compression.Merge, _compression.Tiers, new PixelRegions(_compression.Packs), _compression.Codecs, Options.Create(new CompressionOptions { PieceBytes = bytes }), new Hurrying(_bench.Time),
        NullLogger<StudyCompression>.Instance);

    private async Task SameServedAsync(int count)
    {
        var entries = (await _bench.Entries(await _bench.Study())).Where(entry => entry.State == EntryState.Stored).ToList();
        Assert.Equal(count, entries.Count);
        foreach (var entry in entries) await _compression.SameAsync(entry);
    }

    /// <summary>A clock on which twenty seconds pass between any two looks.</summary>
    private sealed class Hurrying(TimeProvider inner) : TimeProvider
    {
        private long _looks;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 20 * _looks++;
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
