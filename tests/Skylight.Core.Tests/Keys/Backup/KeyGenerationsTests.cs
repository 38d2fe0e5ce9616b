using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Keys;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Keys.Backup;

/// <summary>Wrapped keys in a second place: what comes back from there, what must not, and how long it stays.</summary>
public sealed class KeyGenerationsTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly IngestBench _ingest = new();
    private readonly LifecycleBench _bench;
    private readonly FolderObjectStore _second;
    private readonly DocumentKeyRecords _records;

    public KeyGenerationsTests()
    {
        _bench = new LifecycleBench(ingest: _ingest);
        _records = new DocumentKeyRecords(_ingest.Documents);
        _second = FolderObjectStore.Open(Path.Combine(_folder, "second"), new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, _ingest.Time);
    }

    private KeyGenerations Generations => new(
        _records, _ingest.Documents, _bench.Institutions, _bench.Erasure, Options.Create(new KeyBackupOptions { EveryHours = 24, KeepDays = 35 }), _ingest.Time, NullLogger<KeyGenerations>.Instance, _second);

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        await _ingest.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Restore_AfterTheRecordsWereLost_OpensEveryStudyAgain()
    {
        await SceneAsync();
        var written = await Generations.WriteAsync(default);
        var before = await KeysAsync();
        Assert.Equal((before.Count, 0), (written.Keys, written.Erasures));
        foreach (var record in before) await _records.DeleteAsync(IngestBench.A, record.Subject, default);
        await _ingest.Documents.DeleteAsync(new DocumentKey("platform", "institution", IngestBench.A), Match.Any, default);
        _ingest.Time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(new KeyRestore(written.Id, before.Count, 1, new ErasureReplay(0, 0, 0)), await Generations.RestoreAsync(null, default));
        Assert.Equal(Text(before), Text(await KeysAsync()));
        foreach (var entry in await _ingest.Entries(await _ingest.Study())) Assert.Equal(entry.Length, (await _ingest.Bytes(entry)).Length);

        // What is there is left as it is.
        Assert.Equal(new KeyRestore(written.Id, 0, 0, new ErasureReplay(0, 0, 0)), await Generations.RestoreAsync(null, default));
    }

    [Fact]
    public async Task Restore_OfAGenerationFromBeforeAnErasure_LeavesItsKeyOut()
    {
        await SceneAsync();
        var early = await Generations.WriteAsync(default);
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        _ingest.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await Generations.StepAsync(default), "an erasure is taken into a generation before its time");
        foreach (var record in await KeysAsync()) await _records.DeleteAsync(IngestBench.A, record.Subject, default);

        var restored = await Generations.RestoreAsync(early.At, default);
        Assert.Equal(early.Id, restored.Generation);
        Assert.Empty(await _ingest.Keys.IdsAsync(IngestBench.A, erased.StudyKey, default));
        Assert.NotNull(await _records.GetAsync(IngestBench.A, KeyRecord.InstitutionSubject, default));
        Assert.Single(await KeysAsync(), record => record.Subject != KeyRecord.InstitutionSubject);
    }

    [Fact]
    public async Task Step_AfterTheRecordsWereSetBack_ErasesAgain()
    {
        await SceneAsync();
        var key = (await _ingest.Study()).StudyKey;
        var record = (await _records.GetAsync(IngestBench.A, key, default))!.Record;
        var erased = await _bench.RunAsync((await _bench.ApprovedAsync()).Id);
        await Generations.StepAsync(default);

        // As a database restored to a moment before it: the key is back, and nothing is known of the erasure.
        await _records.TryAddAsync(record, default);
        await _ingest.Documents.DeleteAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erased.Id), Match.Any, default);
        Assert.False(await Generations.StepAsync(default));
        Assert.Empty(await _ingest.Keys.IdsAsync(IngestBench.A, key, default));
        Assert.Equal(ErasureStatus.Erased, (await _bench.Erasure.GetAsync(IngestBench.A, erased.Id, default))!.Value.Status);
        Assert.Single(await _bench.Erasure.ListErasedAsync(default));
    }

    [Fact]
    public async Task Step_TakesOneADay_AndDestroysThemAfter35()
    {
        await SceneAsync();
        Assert.True(await Generations.StepAsync(default));
        _ingest.Time.Advance(TimeSpan.FromHours(23));
        Assert.False(await Generations.StepAsync(default));
        for (var day = 0; day < 40; day++)
        {
            _ingest.Time.Advance(TimeSpan.FromHours(24));
            Assert.True(await Generations.StepAsync(default));
        }

        var kept = await Generations.ListAsync(default);
        Assert.Equal(36, kept.Count);
        Assert.True(_ingest.Time.GetUtcNow() - kept[0].At <= TimeSpan.FromDays(35));
        Assert.Equal(36, (await NamesAsync()).Count(name => name.EndsWith(".keys", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Generation_ThatBrokeOff_IsNone_AndIsSwept()
    {
        await SceneAsync();
        var whole = await Generations.WriteAsync(default);
        _ingest.Time.Advance(TimeSpan.FromDays(1));
        var broken = await Generations.WriteAsync(default);
        await _second.DeleteAsync($"generations/{broken.Id}/generation.json", default);
        Assert.Equal(whole.Id, Assert.Single(await Generations.ListAsync(default)).Id);
        _ingest.Time.Advance(TimeSpan.FromDays(1));
        Assert.True(await Generations.StepAsync(default));
        Assert.DoesNotContain(await NamesAsync(), name => name.Contains(broken.Id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Restore_OfADamagedOrMissingGeneration_SaysSo_AndPutsNothingBack()
    {
        await SceneAsync();
        await Assert.ThrowsAsync<KeyBackupException>(() => Generations.RestoreAsync(null, default));
        var written = await Generations.WriteAsync(default);
        await Assert.ThrowsAsync<KeyBackupException>(() => Generations.RestoreAsync(written.At.AddSeconds(-1), default));
        var path = Directory.EnumerateFiles(_folder, "*.keys", SearchOption.AllDirectories).Single();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^40] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        foreach (var record in await KeysAsync()) await _records.DeleteAsync(IngestBench.A, record.Subject, default);
        await Assert.ThrowsAsync<KeyBackupException>(() => Generations.RestoreAsync(null, default));
        Assert.Empty(await KeysAsync());
    }

    /// <summary>An institution with two studies.</summary>
    private async Task SceneAsync()
    {
        await _bench.Institutions.PutAsync(new Institution(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);
        await _ingest.Send(TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.1"), TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: "1.2.3.1.2"));
        await _ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER"));
    }

    private async Task<List<KeyRecord>> KeysAsync()
    {
        var found = new List<KeyRecord>();
        await foreach (var stored in ((IKeyRecordStore)_records).ListAsync(IngestBench.A, default)) found.Add(stored.Record);
        return [.. found.OrderBy(record => record.Subject, StringComparer.Ordinal)];
    }

    private async Task<List<string>> NamesAsync()
    {
        var names = new List<string>();
        await foreach (var name in _second.ListAsync("", default)) names.Add(name);
        return names;
    }

    private static string Text(List<KeyRecord> records) => System.Text.Json.JsonSerializer.Serialize(records, DocumentJson.Options);
}
