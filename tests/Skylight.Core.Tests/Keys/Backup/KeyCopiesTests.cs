using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Keys;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Keys.Backup;

/// <summary>What happened since the newest generation is in the second place as well: keys that were made, keys and erasures that must not come back.</summary>
public sealed class KeyCopiesTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly MemoryKeyRecords _copies = new();
    private readonly IngestBench _ingest;
    private readonly LifecycleBench _bench;
    private readonly FolderObjectStore _second;
    private readonly DocumentKeyRecords _records;
    private readonly ErasureCopies _erasures;

    public KeyCopiesTests()
    {
        _ingest = new IngestBench(keyCopies: _copies);
        _second = FolderObjectStore.Open(Path.Combine(_folder, "second"), new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, _ingest.Time);
        _erasures = new ErasureCopies(_second);
        _bench = new LifecycleBench(ingest: _ingest, erasures: _erasures);
        _records = new DocumentKeyRecords(_ingest.Documents);
    }

    private KeyGenerations Generations => new(
        new ReplicatedKeyRecords(_records, _copies), _ingest.Documents, _bench.Institutions, _bench.Erasure, Options.Create(new KeyBackupOptions()), _ingest.Time, NullLogger<KeyGenerations>.Instance, _second, _copies, _erasures);

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        await _ingest.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task KeysMadeSinceTheGeneration_ComeBackWithTheOthers()
    {
        await SceneAsync();
        await Generations.WriteAsync(default);
        await _ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER"));
        await _ingest.Keys.AddKeyAsync(IngestBench.A, (await _ingest.Study()).StudyKey, _ingest.Time.GetUtcNow(), default);
        var before = await KeysAsync();
        Assert.Equal(3, before.Count);
        await LoseKeysAsync();
        Assert.Equal(3, (await Generations.RestoreAsync(null, default)).Keys);
        Assert.Equal(before.Select(record => record.Digest()), (await KeysAsync()).Select(record => record.Digest()));
        foreach (var uid in (string[])["1.2.3", "1.9"])
            foreach (var entry in await _ingest.Entries(await _ingest.Study(uid))) Assert.Equal(entry.Length, (await _ingest.Bytes(entry)).Length);
    }

    [Fact]
    public async Task Moment_TrustsTheGenerationFirst_AndAddsWhatWasMadeSince()
    {
        await SceneAsync();
        var written = await Generations.WriteAsync(default);
        var key = (await _ingest.Study()).StudyKey;
        var good = (await _records.GetAsync(IngestBench.A, key, default))!.Record.Keys.Single();
        _ingest.Time.Advance(TimeSpan.FromHours(1));
        await _ingest.Keys.AddKeyAsync(IngestBench.A, key, _ingest.Time.GetUtcNow(), default);
        await _ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER"));

        // The older key's wrap is damaged in both places.
        var both = (await _copies.GetAsync(IngestBench.A, key, default))!;
        var damaged = both.Record with { Keys = [good with { Wrapped = [1, 2, 3] }, both.Record.Keys[1]] };
        Assert.True(await _copies.TryReplaceAsync(damaged, both.ETag, default));
        await LoseKeysAsync();
        await Generations.RestoreAsync(written.At, default);
        var restored = (await _records.GetAsync(IngestBench.A, key, default))!.Record;
        Assert.Equal([good.Id, both.Record.Keys[1].Id], restored.Keys.Select(item => item.Id));
        Assert.Equal(good.Wrapped, restored.Keys[0].Wrapped);
        Assert.Equal(restored.Digest(), (await _copies.GetAsync(IngestBench.A, key, default))!.Record.Digest());
        Assert.Equal(3, (await KeysAsync()).Count);
    }

    [Fact]
    public async Task ErasedSinceTheGeneration_IsErasedAgain_WhenTheRecordsAreSetBack()
    {
        await SceneAsync();
        await Generations.WriteAsync(default);
        var key = (await _ingest.Study()).StudyKey;
        var record = (await _records.GetAsync(IngestBench.A, key, default))!.Record;
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        Assert.Null(await _copies.GetAsync(IngestBench.A, key, default));

        // The database as it was before the erasure: the key is there, the erasure is not.
        await _records.TryAddAsync(record, default);
        await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erased.Id), Match.Any, default);
        Assert.Equal(1, (await Generations.RestoreAsync(null, default)).Erased.Studies);
        Assert.Null(await _records.GetAsync(IngestBench.A, key, default));
        Assert.Equal(ErasureStatus.Erased, (await _bench.Erasure.GetAsync(IngestBench.A, erased.Id, default))!.Value.Status);

        // The next generation takes it over.
        _ingest.Time.Advance(TimeSpan.FromMinutes(30));
        Assert.True(await Generations.StepAsync(default));
        Assert.Empty(await NamesAsync("erasures/"));
        Assert.Equal(1, (await Generations.ListAsync(default))[^1].Erasures);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Start_OnRecordsThatWereSetBack_ErasesAgainBeforeTheFirstRequest(bool generation)
    {
        await SceneAsync();
        await Generations.WriteAsync(default);
        var mark = (await _ingest.Documents.GetAsync<KeyBackupMark>(new DocumentKey("platform", "key-backup", "newest"), default))!.Value;
        var key = (await _ingest.Study()).StudyKey;
        var record = (await _records.GetAsync(IngestBench.A, key, default))!.Record;
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        Assert.Equal(0, await Generations.CatchUpAsync(default));
        if (generation)
        {
            _ingest.Time.Advance(TimeSpan.FromMinutes(30));
            Assert.True(await Generations.StepAsync(default));
        }

        await _records.TryAddAsync(record, default);
        await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erased.Id), Match.Any, default);
        await _ingest.Documents.PutAsync(new DocumentKey("platform", "key-backup", "newest"), mark, Match.Any, [], default);
        Assert.Equal(1, await Generations.CatchUpAsync(default));
        Assert.Null(await _records.GetAsync(IngestBench.A, key, default));
        Assert.Equal(0, await Generations.CatchUpAsync(default));
    }

    [Fact]
    public async Task StudyOfASetBackCatalog_IsKnownToBeErased_ByTheRecordsOrTheSecondPlace()
    {
        await SceneAsync();
        await Generations.WriteAsync(default);
        var before = await _ingest.Study();
        var rows = await _ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1"], default);
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        await _ingest.Commit.CommitAsync(new CommitBatch(StudyChange.Of(null, before with { Revision = 1 }, rows), []), default);
        var error = await Assert.ThrowsAnyAsync<Exception>(async () => await _bench.Retrieval.FindAsync(IngestBench.A, new RetrieveTarget("1.2.3"), default));
        var studies = new ErasedStudies(_ingest.Catalog, _ingest.Documents, _ingest.Keys, Generations, NullLogger<ErasedStudies>.Instance);
        Assert.True(await studies.IsErasedAsync(error, default));
        await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erased.Id), Match.Any, default);
        Assert.True(await studies.IsErasedAsync(error, default));
        Assert.True(await studies.IsErasedAsync(new ObjectMissingException(rows.Count > 0 ? $"{IngestBench.A}/{before.StudyKey}/x.pack" : ""), default));
        Assert.False(await studies.IsErasedAsync(new ObjectMissingException($"{IngestBench.A}/other/x.pack"), default));
        Assert.False(await studies.IsErasedAsync(new IOException("something else"), default));
    }

    [Fact]
    public async Task StudyThatCameAgainAfterItsErasure_AndIsDamaged_IsNotErased()
    {
        await SceneAsync();
        await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        _ingest.Time.Advance(TimeSpan.FromMinutes(1));
        await _ingest.Send(TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.1"));
        var study = await _ingest.Study();
        await Generations.WriteAsync(default);
        var studies = new ErasedStudies(_ingest.Catalog, _ingest.Documents, _ingest.Keys, Generations, NullLogger<ErasedStudies>.Instance);
        Assert.False(await studies.IsErasedAsync(new ObjectMissingException($"{IngestBench.A}/{study.StudyKey}/x.pack"), default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StudyOfACatalogThatSaysAnotherBeginning_IsKnownToBeErased(bool cameAgain)
    {
        await SceneAsync();
        var before = await _ingest.Study();
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        var lost = new ObjectMissingException($"{IngestBench.A}/{before.StudyKey}/x.pack");
        var keyless = Keyless(erased.Keys[0]);
        var studies = new ErasedStudies(_ingest.Catalog, _ingest.Documents, _ingest.Keys, Generations, NullLogger<ErasedStudies>.Instance);
        if (cameAgain)
        {
            _ingest.Time.Advance(TimeSpan.FromMinutes(1));
            await _ingest.Send(TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.1"));
            var anew = await _ingest.Study();
            var fresh = Assert.Single(await _ingest.Keys.IdsAsync(IngestBench.A, before.StudyKey, default));
            Assert.False(await studies.IsErasedAsync(Keyless(fresh), default));
            Assert.True(await studies.IsErasedAsync(keyless, default));

            // Its own key is lost: that is a damage, and no erasure.
            await _ingest.Keys.DestroyAsync(IngestBench.A, before.StudyKey, default);
            Assert.False(await studies.IsErasedAsync(lost, default));
            Assert.False(await studies.IsErasedAsync(Keyless(fresh), default));
            await _ingest.Commit.RemoveAsync(IngestBench.A, before.StudyKey, anew.ETag(), ["1.2.3.1.1"], default);
        }

        var other = before with { Revision = 1, CreatedAt = before.CreatedAt.AddMinutes(-7) };
        await _ingest.Commit.CommitAsync(new CommitBatch(StudyChange.Of(null, other, []), []), default);
        Assert.True(await studies.IsErasedAsync(keyless, default));
        Assert.True(await studies.IsErasedAsync(lost, default));
        await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erased.Id), Match.Any, default);
        Assert.True(await studies.IsErasedAsync(lost, default));

        KeyUnavailableException Keyless(string id) => new(KeyFault.NoRecord, "key") { Owner = (IngestBench.A, before.StudyKey), KeyId = id };
    }

    [Fact]
    public async Task GenerationThatHasAnErasedKey_DoesNotBringItBack()
    {
        await SceneAsync();
        await Generations.WriteAsync(default);
        var key = (await _ingest.Study()).StudyKey;
        await _bench.RunAsync((await _bench.ApprovedAsync()).Id);

        // Even where the erasure itself is known nowhere: what has no second copy any more was erased.
        foreach (var name in await NamesAsync("erasures/")) await _second.DeleteAsync(name, default);
        foreach (var item in await _bench.Erasure.ListErasedAsync(default)) await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, item.Id), Match.Any, default);
        await LoseKeysAsync();
        await Generations.RestoreAsync(null, default);
        Assert.Null(await _records.GetAsync(IngestBench.A, key, default));
        Assert.Single(await KeysAsync());
    }

    [Fact]
    public async Task CopyOfAnErasedKey_ThatAStoppedWriterLeft_GoesInTheNight()
    {
        await SceneAsync();
        var key = (await _ingest.Study()).StudyKey;
        var record = (await _records.GetAsync(IngestBench.A, key, default))!.Record;
        await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        await _copies.TryAddAsync(record, default);
        await new KeyRetirement(
            _bench.Institutions, _ingest.Documents, new ReplicatedKeyRecords(_records, _copies), _ingest.Keys, _ingest.Ring, _ingest.Store, _ingest.Time, NullLogger<KeyRetirement>.Instance).RunAsync(default);
        Assert.Null(await _copies.GetAsync(IngestBench.A, key, default));
    }

    [Fact]
    public async Task Erasure_WhileTheSecondPlaceIsAway_WaitsForIt()
    {
        await SceneAsync();
        var key = (await _ingest.Study()).StudyKey;
        var id = (await _bench.ApprovedAsync()).Id;
        _copies.Before = static _ => throw new IOException("The second account does not answer.");
        await Assert.ThrowsAsync<IOException>(() => _bench.RunAsync(id));
        Assert.Equal(ErasureStatus.Running, (await _bench.Erasure.GetAsync(IngestBench.A, id, default))!.Value.Status);
        _copies.Before = null;
        Assert.Equal(ErasureStatus.Erased, (await _bench.RunAsync(id)).Status);
        Assert.Null(await _copies.GetAsync(IngestBench.A, key, default));
        Assert.Null(await _records.GetAsync(IngestBench.A, key, default));
    }

    private async Task SceneAsync()
    {
        await _bench.Institutions.PutAsync(new Institution(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);
        await _ingest.Send(TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.1"), TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.2"));
    }

    private async Task LoseKeysAsync()
    {
        foreach (var record in await KeysAsync()) await _records.DeleteAsync(IngestBench.A, record.Subject, default);
        _ingest.Time.Advance(TimeSpan.FromHours(1));
    }

    private async Task<List<KeyRecord>> KeysAsync() =>
        await ((IKeyRecordStore)_records).ListAsync(IngestBench.A, default).Select(stored => stored.Record).OrderBy(record => record.Subject, StringComparer.Ordinal).ToListAsync();

    private async Task<List<string>> NamesAsync(string prefix) => await _second.ListAsync(prefix, default).ToListAsync();
}
