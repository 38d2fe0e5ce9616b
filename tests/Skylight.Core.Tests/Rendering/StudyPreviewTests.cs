using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Rendering;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Core.Tiers;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Rendering;

/// <summary>The thumbnails of an archived study: made once before its pixels go, shown while what they show is served, and gone with it.</summary>
public sealed class StudyPreviewTests : IAsyncLifetime
{
    private readonly LifecycleBench _bench = new();
    private readonly InstancePixels _pixels;
    private readonly StudyPreviews _previews;

    public StudyPreviewTests()
    {
        var ingest = _bench.Ingest;
        var options = Options.Create(new RenderingOptions());
        _pixels = new InstancePixels(ingest.Packs, new NativeFrames(ingest.Packs, NullLogger<NativeFrames>.Instance), options, NullLogger<InstancePixels>.Instance);
        _previews = new StudyPreviews(ingest.Catalog, ingest.Commit, _bench.Reader, _pixels, ingest.Store, ingest.Keys, _bench.Retired, options, NullLogger<StudyPreviews>.Instance);
    }

    public async ValueTask InitializeAsync() => await _bench.Ingest.Send(LifecycleBench.Slice(1), LifecycleBench.Slice(2), LifecycleBench.Slice(3), LifecycleBench.Slice(1, "1.2.3.2"));

    public async ValueTask DisposeAsync()
    {
        _pixels.Dispose();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Archive_KeepsAPictureOfEachSeries_MadeOnce()
    {
        var revision = (await ArchiveAsync()).Revision;
        Assert.Equal(["1.2.3.1.2", "1.2.3.2.1"], await ShownAsync());
        await _previews.MakeAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, default);
        Assert.Equal(revision, (await _bench.Ingest.Study()).Revision);
        Assert.Single(await _bench.Ingest.Objects(), name => name.EndsWith(".preview", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Picture_OfAHiddenInstance_IsNotShown_AndIsBackWithIt()
    {
        await ArchiveAsync();
        var deleted = (await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Record!;
        Assert.Equal(["1.2.3.2.1"], await ShownAsync());
        await _bench.Deletions.RestoreAsync(IngestBench.A, deleted.Id, LifecycleBench.By, default);
        Assert.Equal(["1.2.3.1.2", "1.2.3.2.1"], await ShownAsync());
    }

    [Fact]
    public async Task Erase_OfTheStudy_LeavesNoPicture()
    {
        await ArchiveAsync();
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync((await _bench.ApprovedAsync()).Id)).Status);
        Assert.Empty(await _bench.Ingest.Objects());
    }

    [Fact]
    public async Task Erase_OfAnInstance_TakesThePicturesAlong()
    {
        await _previews.MakeAsync(IngestBench.A, (await _bench.Ingest.Study()).StudyKey, default);
        var deleted = (await _bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Record!;
        var asked = await _bench.Requests.RequestAsync(IngestBench.A, deleted.StudyKey, ErasureBasis.ReceivedInError, "2026-1", LifecycleBench.By, false, deleted, default);
        var approved = await _bench.Requests.ApproveAsync(IngestBench.A, asked.Erasure!.Id, "hospital-a/second", default);
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync(approved.Erasure!.Id)).Status);
        Assert.Null((await _bench.Ingest.Study()).Preview);
        Assert.DoesNotContain(await _bench.Ingest.Objects(), name => name.EndsWith(".preview", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reindex_FindsThePreviewAgain()
    {
        var before = await ArchiveAsync();
        await using var file = SqliteDatabase.Open(Path.Combine(_bench.Ingest.DataFolder, "again.db"), SqliteDurability.Full, SqliteCatalog.Schema);
        var again = new SqliteCatalog(file);
        var ingest = _bench.Ingest;
        var rebuild = new CatalogRebuild(again, ingest.Store, ingest.Documents, ingest.Service, ingest.Items, ingest.Parts, ingest.Keys, _bench.Retired, NullLogger<CatalogRebuild>.Instance);
        Assert.True((await rebuild.RunAsync(null, write: true, default)).Ok);
        var after = (await again.GetStudyAsync(IngestBench.A, "1.2.3", default))!.Value;
        Assert.Equal(before.Preview, after.Preview);
        Assert.Empty(DerivedFields.Differences(after, before));
    }

    private async Task<StudyDocument> ArchiveAsync()
    {
        var ingest = _bench.Ingest;
        var tiers = new StudyTiers(ingest.Catalog, ingest.Commit, ingest.Parts, ingest.Store, ingest.Time, NullLogger<StudyTiers>.Instance, _previews);
        Assert.Equal(TierMove.Done, await tiers.MoveAsync(IngestBench.A, (await ingest.Study()).StudyKey, StorageTier.Archive, default));
        return await ingest.Study();
    }

    private async Task<string[]> ShownAsync()
    {
        var found = (await _bench.Retrieval.FindAsync(IngestBench.A, new RetrieveTarget("1.2.3"), default))!;
        var pictures = await _previews.FindAsync(found.Study, found.Instances, default);
        Assert.All(pictures, picture => Assert.Equal([0xFF, 0xD8], picture.Jpeg[..2]));
        return [.. pictures.Select(picture => picture.Instance.Entry.SopInstanceUid).Order(StringComparer.Ordinal)];
    }
}
