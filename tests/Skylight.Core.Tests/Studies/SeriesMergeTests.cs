using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Studies;

/// <summary>Merging changes where things lie, and nothing that a reader sees.</summary>
public sealed class SeriesMergeTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();
    private RetiredObjects _retired = null!;

    public ValueTask InitializeAsync()
    {
        _retired = Retired();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Merge_ManyParts_LeavesOneAndTheSameInstances()
    {
        for (var i = 1; i <= 20; i++) await _bench.SendOne(Slice(i));
        await _bench.SendOne(Slice(3).Set(0x00081030, "LO", "rewritten"), SourceTrust.Pacs);
        var before = await StateAsync();
        Assert.Equal(21, (await _bench.Study()).Series[0].Parts.Count);
        var read = (await _bench.Study()).ReadersRevision();

        Assert.Equal(63, (await MergeAsync()).Count);
        var study = await _bench.Study();
        Assert.Equal(21, Assert.Single(study.Series[0].Parts).Count);
        Assert.Equal(read, study.ReadersRevision());
        Assert.Equal(before, await StateAsync());
        Assert.Empty(await MergeAsync());
    }

    [Fact]
    public async Task Merge_ThenMoreArrives_MergesAgainAndKnowsDuplicates()
    {
        for (var i = 1; i <= 4; i++) await _bench.SendOne(Slice(i));
        await MergeAsync();
        for (var i = 1; i <= 8; i++) await _bench.SendOne(Slice(i));
        Assert.Equal(5, (await _bench.Study()).Series[0].Parts.Count);
        var before = await StateAsync();
        await MergeAsync();
        Assert.Single((await _bench.Study()).Series[0].Parts);
        Assert.Equal(before, await StateAsync());
        Assert.Equal(8, (await _bench.Study()).Instances());
    }

    [Fact]
    public async Task Purge_AfterADay_DeletesWhatWasReplacedAndNothingElse()
    {
        for (var i = 1; i <= 5; i++) await _bench.SendOne(Slice(i));
        var replaced = await MergeAsync();
        Assert.Equal(0, await _retired.PurgeAsync(default));
        foreach (var name in replaced) Assert.NotNull(await _bench.Store.GetLengthAsync(name, default));
        _bench.Time.Advance(TimeSpan.FromHours(25));

        // A host that has been restarted meanwhile finds the record.
        Assert.Equal(replaced.Count, await Retired().PurgeAsync(default));
        foreach (var name in replaced) Assert.Null(await _bench.Store.GetLengthAsync(name, default));
        Assert.Equal(5, (await StateAsync()).Count);
        Assert.Equal(3, await CountAsync());
        Assert.Equal(0, await Retired().PurgeAsync(default));
    }

    [Fact]
    public async Task Purge_WhatAnotherHostRetired_IsDeletedWithoutARestart_Once()
    {
        // Two hosts on one store, as on Azure; this one has looked at the records before the other merges.
        var other = Retired();
        Assert.Equal(0, await other.PurgeAsync(default));
        var study = await FirstAsync();
        var replaced = await MergeAsync();
        Assert.Equal(replaced.Order(StringComparer.Ordinal), (await other.NamesAsync(IngestBench.A, study, default)).Intersect(replaced).Order(StringComparer.Ordinal));
        Assert.Subset((await other.NamesAsync(default)).ToHashSet(), replaced.ToHashSet());
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(replaced.Count, await other.PurgeAsync(default));
        foreach (var name in replaced) Assert.Null(await _bench.Store.GetLengthAsync(name, default));

        // What the one has deleted the other does not remember.
        Assert.Empty(await _retired.NamesAsync(default));
        Assert.Equal(0, await _retired.PurgeAsync(default));
        Assert.Equal(5, (await StateAsync()).Count);

        async Task<string> FirstAsync()
        {
            for (var i = 1; i <= 5; i++) await _bench.SendOne(Slice(i));
            return (await _bench.Study()).StudyKey;
        }
    }

    [Fact]
    public async Task Merge_MoreArrivesMeanwhile_IsExchangedInWhatTheStudyHasBecome()
    {
        for (var i = 1; i <= 3; i++) await _bench.SendOne(Slice(i));
        var next = 4;
        var interrupted = Merge(new Interloper(_bench.Commit, () => next < 7 ? _bench.SendOne(Slice(next++)) : Task.CompletedTask));
        Assert.Equal(9, (await interrupted.MergeAsync(IngestBench.A, (await _bench.Study()).StudyKey, default)).Count);
        Assert.Equal([3, 1, 1, 1], (await _bench.Study()).Series[0].Parts.Select(part => part.Count));
        Assert.Equal(6, (await StateAsync()).Count);
    }

    [Fact]
    public async Task Merge_NeverCommitted_ChangesNothingAndItsObjectsAreDeletedInTheEnd()
    {
        for (var i = 1; i <= 3; i++) await _bench.SendOne(Slice(i));
        var unlucky = Merge(new Refusal());
        Assert.Empty(await unlucky.MergeAsync(IngestBench.A, (await _bench.Study()).StudyKey, default));
        Assert.Equal(3, (await _bench.Study()).Series[0].Parts.Count);
        Assert.Equal(12, await CountAsync());
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(3, await _retired.PurgeAsync(default));
        Assert.Equal(9, await CountAsync());
        Assert.Equal(3, (await StateAsync()).Count);
    }

    [Fact]
    public async Task Merge_PartsInTheManifest_ComeBackIntoTheDocument()
    {
        for (var i = 1; i <= 4; i++) await _bench.SendOne(Slice(i));
        await SpillAsync();
        await _bench.SendOne(Slice(5));
        var before = await StateAsync();
        Assert.Equal((4, 1), ((await _bench.Study()).Series[0].PartsInManifest, (await _bench.Study()).Series[0].Parts.Count));
        var replaced = await MergeAsync();
        var study = await _bench.Study();
        Assert.Null(study.Manifest);
        Assert.Equal((0, 1), (study.Series[0].PartsInManifest, study.Series[0].Parts.Count));
        Assert.Contains(replaced, name => name.EndsWith(".manifest", StringComparison.Ordinal));
        Assert.Equal(before, await StateAsync());
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(16, await _retired.PurgeAsync(default));
        Assert.Equal(3, await CountAsync());
    }

    [Fact]
    public async Task MergeOwners_OfJournaledObjects_SaysWhichMayGo()
    {
        for (var i = 1; i <= 3; i++) await _bench.SendOne(Slice(i));
        var names = await NamesAsync();
        var merge = Merge(_bench.Commit);
        var (expired, waiting) = await merge.MergeOwnersAsync(names, default);
        Assert.Empty(expired);
        Assert.Equal(names.Order(), waiting.Order());
        _bench.Time.Advance(TimeSpan.FromHours(25));
        (expired, waiting) = await merge.MergeOwnersAsync(names, default);
        Assert.Equal(names.Order(), expired.Order());
        Assert.Empty(waiting);
    }

    [Theory]
    [InlineData(new[] { 1 }, 0)]
    [InlineData(new[] { 1, 1, 1 }, 0)]
    [InlineData(new[] { 100, 1, 1, 1 }, 1)]
    [InlineData(new[] { 100, 50, 1 }, 2)]
    [InlineData(new[] { 6, 1, 2 }, 0)]
    [InlineData(new[] { 7, 1, 2 }, 1)]
    [InlineData(new[] { 1, 1, 500 }, 0)]
    public void FirstToMerge_OfCounts_StopsAtWhatOutweighsTheNewer(int[] counts, int first) =>
        Assert.Equal(first, SeriesMerge.FirstToMerge([.. counts.Select(count => new SeriesPart("p", "i", "m", count))]));

    [Fact]
    public void FirstToMerge_PartsOfAnotherFolder_AreLeftAlone() =>
        Assert.Equal(2, SeriesMerge.FirstToMerge([new("p", "i", "m", 1), new("p", "i", "m", 1) { Folder = "other" }, new("p", "i", "m", 1), new("p", "i", "m", 1)]));

    private static TestDicom Slice(int number) => TestDicom.Ct(sop: $"1.2.3.1.{number}");

    private RetiredObjects Retired() => new(_bench.Documents, _bench.Catalog, _bench.Parts, _bench.Store, _bench.Time, NullLogger<RetiredObjects>.Instance);

    private SeriesMerge Merge(ICommit commit) =>
        new(_bench.Catalog, commit, _bench.Parts, _bench.Store, _bench.Keys, _bench.Packs, _retired, _bench.Time, NullLogger<SeriesMerge>.Instance);

    private async Task<IReadOnlyList<string>> MergeAsync() => await Merge(_bench.Commit).MergeAsync(IngestBench.A, (await _bench.Study()).StudyKey, default);

    /// <summary>Every revision with its bytes and its metadata, as text.</summary>
    private async Task<List<string>> StateAsync()
    {
        var study = await _bench.Study();
        var state = new List<string>();
        foreach (var entry in await _bench.Entries(study))
        {
            var bytes = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await _bench.Bytes(entry)));
            Assert.Equal(Convert.ToHexString(entry.FileSha256), bytes);
            var json = new System.Buffers.ArrayBufferWriter<byte>();
            foreach (var part in await _bench.Parts.ListAsync(study, study.Series[0].SeriesKey, default))
            {
                var metadata = await SeriesMetadata.ReadAsync(_bench.Store, part.ObjectName(study, part.Metadata), _bench.Keys, default);
                if (metadata.TryWrite(new MetadataKey(entry.SopInstanceUid, entry.Revision), json)) break;
            }

            Assert.NotEqual(0, json.WrittenCount);
            state.Add($"{entry.SopInstanceUid} {entry.Revision} {entry.Current} {entry.State} {bytes} {System.Text.Encoding.UTF8.GetString(json.WrittenSpan)}");
        }

        state.Sort(StringComparer.Ordinal);
        return state;
    }

    private async Task<List<string>> NamesAsync()
    {
        var names = new List<string>();
        await foreach (var name in _bench.Store.ListAsync("", default)) names.Add(name);
        return names;
    }

    private async Task<int> CountAsync() => (await NamesAsync()).Count;

    /// <summary>Moves the part lists to a manifest, as a study that has grown too long does.</summary>
    private async Task SpillAsync()
    {
        var study = await _bench.Study();
        var manifest = new { v = 1, series = study.Series.ToDictionary(series => series.SeriesKey, series => series.Parts) };
        using var packed = new MemoryStream();
        await using (var brotli = new System.IO.Compression.BrotliStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
            System.Text.Json.JsonSerializer.Serialize(brotli, manifest, Skylight.Core.Documents.DocumentJson.Options);
        using var key = await _bench.Keys.GetOrCreateAsync(IngestBench.A, study.StudyKey, default);
        var (reference, sealedObject) = SealedObjectWriter.Seal(SealedName.Folder(IngestBench.A, study.StudyKey), key, SealedType.Manifest, SealOptions.Default, packed.ToArray());
        using (sealedObject)
        {
            var next = study with { Manifest = reference.Name, Series = [.. study.Series.Select(series => series with { PartsInManifest = series.Parts.Count, Parts = [] })] };
            await _bench.Commit.CommitAsync(new CommitBatch(StudyChange.Of(study, next, []), [sealedObject]), default);
        }
    }

    private sealed class Refusal : ICommit
    {
        public Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken) => Task.FromResult(CommitOutcome.Conflict);

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PurgeAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>Lets somebody else commit just before.</summary>
    private sealed class Interloper(ICommit inner, Func<Task> before) : ICommit
    {
        public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
        {
            await before();
            return await inner.CommitAsync(batch, cancellationToken);
        }

        public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PurgeAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
